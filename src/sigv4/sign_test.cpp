#include "sigv4/sign.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "crypto/hash.h"

namespace strongroom::sigv4 {
namespace {
namespace fs = std::filesystem;

std::string Content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
SecretBuffer Start(std::string_view secret) {
  return SecretBuffer::CopyOf(AsBytes("AWS4" + std::string(secret))).value();
}

/// A request as text, as a client has it that gives each header once.
struct TextRequest {
  std::string method, path, query, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
TextRequest Parse(const std::string& text) {
  TextRequest request;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  const std::size_t first = line.find(' '), last = line.rfind(" HTTP/");
  request.method = line.substr(0, first);
  const std::string target = line.substr(first + 1, last - first - 1);
  request.path = target.substr(0, target.find('?'));
  if (target.size() > request.path.size()) request.query = target.substr(request.path.size() + 1);
  while (std::getline(in, line) && !line.empty() && line != "\r") {
    if (line[0] == ' ') {
      request.headers.back().second += line;
      continue;
    }
    const std::string name = line.substr(0, line.find(':'));
    const auto same = std::find_if(request.headers.begin(), request.headers.end(), [&](const auto& header) {
      return std::equal(header.first.begin(), header.first.end(), name.begin(), name.end(),
                        [](char a, char b) { return std::tolower(a) == std::tolower(b); });
    });
    const std::string value = line.substr(name.size() + 1);
    if (same != request.headers.end()) {
      std::string trimmed = value.substr(value.find_first_not_of(' '));
      same->second += "," + trimmed;
    } else {
      request.headers.emplace_back(name, value);
    }
  }
  std::ostringstream rest;
  rest << in.rdbuf();
  request.body = rest.str();
  return request;
}

struct Case {
  std::string name;
  fs::path folder;
};
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(STRONGROOM_VECTORS) / "sigv4")) {
    if (!entry.is_directory()) continue;
    std::string name = entry.path().filename();
    std::ranges::replace(name, '-', '_');
    cases.push_back({name, entry.path()});
  }
  std::ranges::sort(cases, {}, &Case::name);
  return cases;
}

class SignVectors : public ::testing::TestWithParam<Case> {};

TEST_P(SignVectors, CanonicalRequestStringAndSignature) {
  const fs::path& folder = GetParam().folder;
  const auto context = boost::json::parse(Content(folder / "context.json"));
  const auto text = [](const boost::json::value& value) { return std::string(value.as_string()); };
  TextRequest request = Parse(Content(folder / "request.txt"));
  const std::string hash = Hex(crypto::Sha256(AsBytes(request.body)));
  request.headers.emplace_back("X-Amz-Date", "20150830T123600Z");
  if (context.at("sign_body").as_bool()) request.headers.emplace_back("x-amz-content-sha256", hash);
  const auto& who = context.at("credentials");
  if (const auto* token = who.as_object().if_contains("token")) {
    const auto* omit = context.as_object().if_contains("omit_session_token");
    if (omit == nullptr || !omit->as_bool()) request.headers.emplace_back("X-Amz-Security-Token", text(*token));
  }
  const auto signed_parts =
      Sign({.method = request.method,
            .path = request.path,
            .query = request.query,
            .headers = request.headers,
            .payload = hash,
            .path_form = context.at("normalize").as_bool() ? PathForm::kNormalized : PathForm::kAsSent,
            .region = text(context.at("region")),
            .service = text(context.at("service"))},
           text(who.at("access_key_id")), Start(text(who.at("secret_access_key"))));
  ASSERT_TRUE(signed_parts.ok()) << signed_parts.error();
  EXPECT_EQ(signed_parts->canonical_request, Content(folder / "header-canonical-request.txt"));
  EXPECT_EQ(signed_parts->string_to_sign, Content(folder / "header-string-to-sign.txt"));
  EXPECT_EQ(signed_parts->signature, Content(folder / "header-signature.txt"));
}
INSTANTIATE_TEST_SUITE_P(Aws, SignVectors, ::testing::ValuesIn(Cases()),
                         [](const auto& tested) { return tested.param.name; });

/// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a
/// Single Chunk", its four examples.
struct S3Case {
  std::string name, method, path, query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body, signature;
};
class S3Examples : public ::testing::TestWithParam<S3Case> {};

TEST_P(S3Examples, Signature) {
  const S3Case& given = GetParam();
  auto headers = given.headers;
  const std::string hash = Hex(crypto::Sha256(AsBytes(given.body)));
  headers.emplace_back("Host", "examplebucket.s3.amazonaws.com");
  headers.emplace_back("x-amz-date", "20130524T000000Z");
  headers.emplace_back("x-amz-content-sha256", hash);
  const auto parts = Sign({.method = given.method,
                           .path = given.path,
                           .query = given.query,
                           .headers = headers,
                           .payload = hash,
                           .path_form = PathForm::kEncodedOnce,
                           .region = "us-east-1",
                           .service = "s3"},
                          "AKIAIOSFODNN7EXAMPLE", Start("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
  ASSERT_TRUE(parts.ok()) << parts.error();
  EXPECT_EQ(parts->signature, given.signature) << parts->canonical_request;
  EXPECT_TRUE(parts->authorization.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders="));
}
INSTANTIATE_TEST_SUITE_P(Aws, S3Examples,
                         ::testing::Values(S3Case{"GetObject",
                                                  "GET",
                                                  "/test.txt",
                                                  "",
                                                  {{"Range", "bytes=0-9"}},
                                                  "",
                                                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
                                           S3Case{"PutObject",
                                                  "PUT",
                                                  "/test%24file.text",
                                                  "",
                                                  {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                                                  "Welcome to Amazon S3.",
                                                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
                                           S3Case{"BucketLifecycle",
                                                  "GET",
                                                  "/",
                                                  "lifecycle",
                                                  {},
                                                  "",
                                                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
                                           S3Case{"ListObjects",
                                                  "GET",
                                                  "/",
                                                  "max-keys=2&prefix=J",
                                                  {},
                                                  "",
                                                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}),
                         [](const auto& tested) { return tested.param.name; });

TEST(Sign, ADateIsNeeded) {
  const std::vector<std::pair<std::string, std::string>> none{{"Host", "x"}}, wrong{{"X-Amz-Date", "20150830"}};
  EXPECT_EQ(Sign({.headers = none}, "id", Start("x")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(Sign({.headers = wrong}, "id", Start("x")).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::sigv4
