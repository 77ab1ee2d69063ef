#include <CLI/CLI.hpp>

#include "archive/paths.h"
#include "cli/commands/archive/common.h"
#include "crypto/random.h"

namespace strongroom::cli::archiving {
namespace {

struct Options {
  CommonOptions common;
  std::string name, url, region;
  Endpoints endpoints;
  std::vector<std::string> kms_keys, offline_keys;
};

/// The id that the location has, or a new one for a new location. Only once everything else is known to work.
Result<std::string> AdoptOrMake(archive::Access& access, bool& adopted) {
  auto id = archive::ReadLocationId(*access.store);
  adopted = id.ok();
  if (id.ok() || id.error().code() != Errc::kNotFound) return id;
  std::array<std::uint8_t, 16> random{};
  SR_CHECK(crypto::Random(random));
  return Hex(random);
}

Status Add(const Options& options) {
  SR_CHECK(archive::CheckName("location", options.name));
  SR_TRY(const auto file, archive::LocationFile::At(options.common.config));
  SR_TRY(const auto known, file.All());
  if (known.contains(options.name))
    return Error(Errc::kAlreadyExists,
                 fmt::format("There is a location '{}' already: {}.", options.name, known.at(options.name).url));
  if (options.kms_keys.empty() && options.offline_keys.empty())
    return Error(Errc::kInvalidArgument, "Name at least one key: --kms-key-id KEY.");
  archive::Location location;
  location.name = options.name;
  SR_TRY(location.url, archive::NormalUrl(options.url));
  options.endpoints.PutInto(location);
  location.region = options.region;
  for (const std::string& pem : options.offline_keys) {
    SR_TRY(auto key, archive::ReadOfflinePublicKey(pem));
    location.keys.offline.push_back(std::move(key));
  }
  SR_TRY(auto access, archive::OpenAccess(location, {}, true));
  SR_TRY(access.location.keys.kms_keys, archive::ResolveKeys(access, options.kms_keys, options.region));
  if (const auto keyring = access.WritingKeyring(access.location.keys); !keyring.ok()) return keyring.error();
  bool adopted = false;
  SR_TRY(access.location.id, AdoptOrMake(access, adopted));
  std::string missing;
  Errc code = Errc::kInternal;
  for (const archive::Check& check : archive::TestLocation(access)) {
    if (check.error.empty()) continue;
    if (missing.empty()) code = check.code;
    missing += fmt::format("\n  {}: {}", check.what, check.error);
  }
  if (!missing.empty()) return Error(code, "The location is not added. What does not work:" + missing);
  if (!adopted) SR_CHECK(archive::WriteLocationId(*access.store, access.location.id));
  SR_CHECK(file.Add(access.location));
  if (options.common.json)
    return PrintJson(
        {{"name", location.name}, {"id", access.location.id}, {"url", location.url}, {"adopted", adopted}});
  return PrintLine(fmt::format("{} is {}{}, id {}.", location.name, location.url,
                               adopted ? " (which was there already)" : "", access.location.id));
}

}  // namespace

Run DeclareLocationAdd(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("NAME", options->name, "How the location is called here")->required()->type_name("");
  app.add_option("URL", options->url, "s3://BUCKET/PREFIX, or a directory")->required()->type_name("");
  app.add_option("--kms-key-id", options->kms_keys,
                 "Key id, ARN or alias; the first makes the data keys, any one opens them; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY");
  app.add_option("--offline-public-key", options->offline_keys,
                 "RSA public key (PEM) whose private half lies in a safe; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("--endpoint", options->endpoints.store,
                 "Address of S3 (https://host:port); for a directory, of KMS. Otherwise as AWS_ENDPOINT_URL_S3, "
                 "AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL and the profile say, or AWS's own")
      ->type_name("URL");
  app.add_option("--kms-endpoint", options->endpoints.kms, "Address of KMS, where --endpoint is S3's")
      ->type_name("URL");
  app.add_option("--kms-profile", options->endpoints.kms_profile,
                 "Profile of ~/.aws that KMS is asked with, where its credentials are not S3's")
      ->type_name("PROFILE");
  app.add_option("--region", options->region, "The bucket's Region, and that of keys that are no ARN")
      ->type_name("REGION");
  DeclareCommon(app, options->common);
  DeclareFooter(app,
                "Adding a location that another machine made takes over its id, so that its snapshots can be read.");
  return [options] { return Add(*options); };
}

}  // namespace strongroom::cli::archiving
