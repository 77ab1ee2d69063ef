#include "xks_proxy/path.h"

#include <gtest/gtest.h>

namespace strongroom::xks_proxy {
namespace {

struct Row {
  std::string name, path, want;  // "prefix|api|key", or "-"
};
std::string Taken(std::string_view path) {
  const auto found = ParsePath(path);
  if (!found) return "-";
  return std::string(found->prefix) + "|" + std::to_string(static_cast<int>(found->api)) + "|" +
         std::string(found->key_id);
}
const Row kRows[] = {
    {"Health", "/kms/xks/v1/health", "|0|"},
    {"HealthBelowAPrefix", "/team/a/kms/xks/v1/health", "/team/a|0|"},
    {"Metadata", "/a/kms/xks/v1/keys/my-key_1.0/metadata", "/a|1|my-key_1.0"},
    {"Encrypt", "/a/kms/xks/v1/keys/k/encrypt", "/a|2|k"},
    {"Decrypt", "/a/kms/xks/v1/keys/k/decrypt", "/a|3|k"},
    {"LongestKey", "/kms/xks/v1/keys/" + std::string(128, 'k') + "/encrypt", "|2|" + std::string(128, 'k')},
    {"KeyTooLong", "/kms/xks/v1/keys/" + std::string(129, 'k') + "/encrypt", "-"},
    {"NoKey", "/kms/xks/v1/keys//encrypt", "-"},
    {"EscapedKey", "/kms/xks/v1/keys/a%2Fb/encrypt", "-"},
    {"OtherVersion", "/kms/xks/v2/health", "-"},
    {"NoApi", "/kms/xks/v1/keys/k", "-"},
    {"UnknownApi", "/kms/xks/v1/keys/k/destroy", "-"},
    {"MoreBehind", "/kms/xks/v1/keys/k/encrypt/", "-"},
    {"MoreBehindHealth", "/kms/xks/v1/health/", "-"},
    {"Query", "/kms/xks/v1/health?x=1", "-"},
    {"Nothing", "/kms/xks/v1/", "-"},
    {"NoSlash", "/kms/xks/v1", "-"},
    {"Root", "/", "-"},
};
class Paths : public ::testing::TestWithParam<Row> {};
TEST_P(Paths, AreTakenApart) { EXPECT_EQ(Taken(GetParam().path), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(Path, Paths, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

struct PrefixRow {
  std::string name, prefix;
  bool want;
};
const PrefixRow kPrefixRows[] = {
    {"None", "", true},
    {"One", "/a", true},
    {"Several", "/team_1/Key-Store/2", true},
    {"Longest", "/" + std::string(116, 'a'), true},
    {"TooLong", "/" + std::string(117, 'a'), false},
    {"WithoutSlash", "a", false},
    {"Slash", "/", false},
    {"SlashAtTheEnd", "/a/", false},
    {"TwoSlashes", "/a//b", false},
    {"Dot", "/a.b", false},
    {"Blank", "/a b", false},
    {"TheApisOwn", "/kms/xks/v1", false},
    {"TheApisOwnInside", "/a/kms/xks/v2/b", false},
};
class Prefixes : public ::testing::TestWithParam<PrefixRow> {};
TEST_P(Prefixes, AreWhatKmsTakes) { EXPECT_EQ(IsPathPrefix(GetParam().prefix), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(Path, Prefixes, ::testing::ValuesIn(kPrefixRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::xks_proxy
