#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

boost::json::object KeysOf(const archive::WrappingKeys& keys) {
  boost::json::array kms, offline;
  for (const std::string& key : keys.kms_keys) kms.emplace_back(key);
  for (const archive::OfflineKey& key : keys.offline) offline.emplace_back(key.name);
  return {{"kms", std::move(kms)}, {"offline", std::move(offline)}};
}

Status PrintKeys(const archive::WrappingKeys& keys, std::string_view label) {
  for (const std::string& key : keys.kms_keys) SR_CHECK(PrintLine(fmt::format("{}  {}", label, key)));
  for (const archive::OfflineKey& key : keys.offline)
    SR_CHECK(PrintLine(fmt::format("{}  offline RSA key {}", label, key.name)));
  return {};
}

}  // namespace

Run DeclareLocationShow(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string name;
  };
  auto options = std::make_shared<Options>();
  app.add_option("NAME", options->name, "One of `archive location list`")->required()->type_name("");
  DeclareCommon(app, options->common);
  app.footer("");
  return [options]() -> Status {
    SR_TRY(const auto file, archive::LocationFile::At(options->common.config));
    SR_TRY(const auto location, file.Find(options->name));
    if (options->common.json) {
      boost::json::object shown{{"name", location.name},
                                {"url", location.url},
                                {"id", location.id},
                                {"s3_endpoint", location.s3_endpoint},
                                {"kms_endpoint", location.kms_endpoint},
                                {"kms_profile", location.kms_profile},
                                {"region", location.region},
                                {"keys", KeysOf(location.keys)}};
      if (location.next_keys) shown["next_keys"] = KeysOf(*location.next_keys);
      if (location.previous_keys) shown["previous_keys"] = KeysOf(*location.previous_keys);
      return PrintJson(shown);
    }
    SR_CHECK(PrintLine(fmt::format("name  {}\nurl   {}\nid    {}", location.name, location.url, location.id)));
    if (!location.s3_endpoint.empty()) SR_CHECK(PrintLine("s3    " + location.s3_endpoint));
    if (!location.kms_endpoint.empty()) SR_CHECK(PrintLine("kms   " + location.kms_endpoint));
    if (!location.kms_profile.empty()) SR_CHECK(PrintLine("kms profile " + location.kms_profile));
    if (!location.region.empty()) SR_CHECK(PrintLine("region " + location.region));
    SR_CHECK(PrintKeys(location.keys, "key "));
    if (!location.rekey_unfinished()) return {};
    if (location.next_keys) SR_CHECK(PrintKeys(*location.next_keys, "next"));
    if (location.previous_keys) SR_CHECK(PrintKeys(*location.previous_keys, "old "));
    return PrintLine(fmt::format("A `rekey` is not through: `archive rekey {}` goes on with it, to the {}.",
                                 location.name,
                                 location.next_keys ? "next keys" : "keys above; the old ones are still needed"));
  };
}

}  // namespace strongroom::cli::archiving
