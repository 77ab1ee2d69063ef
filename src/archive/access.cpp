#include "archive/access.h"

#include <boost/json.hpp>

#include "crypto/key_pair.h"
#include "encryption_sdk/kms_keyring.h"
#include "encryption_sdk/multi_keyring.h"
#include "encryption_sdk/raw_rsa_keyring.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace json = boost::json;

Result<esdk::KeyringPtr> OfflineWriter(const OfflineKey& key) {
  SR_TRY(const auto spki, SpkiOfPem(key.pem));
  SR_TRY(auto parsed, crypto::PublicKey::FromSpki(spki));
  esdk::RawRsaOptions options;
  options.name_space = kOfflineNamespace;
  options.name = key.name;
  options.public_key = std::move(parsed);
  return esdk::MakeRawRsaKeyring(std::move(options));
}

}  // namespace

Result<esdk::KeyringPtr> Access::KmsKeyring(const std::vector<std::string>& keys) const {
  return esdk::MakeKmsMrkKeyrings(*kms, keys.front(), {keys.begin() + 1, keys.end()});
}

Result<esdk::KeyringPtr> Access::WritingKeyring(const WrappingKeys& keys) const {
  esdk::KeyringPtr generator;
  std::vector<esdk::KeyringPtr> others;
  if (!keys.kms_keys.empty()) {
    SR_TRY(generator, KmsKeyring(keys.kms_keys));
  }
  for (const OfflineKey& key : keys.offline) {
    SR_TRY(auto keyring, OfflineWriter(key));
    if (generator)
      others.push_back(std::move(keyring));
    else
      generator = std::move(keyring);
  }
  if (!generator) return Error(Errc::kInvalidArgument, "The location has no wrapping key.");
  return esdk::MakeMultiKeyring(std::move(generator), std::move(others));
}

Result<esdk::KeyringPtr> Access::ReadingKeyring() const {
  if (offline) return offline;
  std::vector<esdk::KeyringPtr> all;
  if (!location.keys.kms_keys.empty()) {
    SR_TRY(auto keyring, KmsKeyring(location.keys.kms_keys));
    all.push_back(std::move(keyring));
  }
  for (const auto* more : {&location.next_keys, &location.previous_keys}) {
    if (!*more || (*more)->kms_keys.empty()) continue;
    SR_TRY(auto keyring, KmsKeyring((*more)->kms_keys));
    all.push_back(std::move(keyring));
  }
  if (all.empty())
    return Error(Errc::kInvalidArgument,
                 "This location has offline keys only: give the private half with --offline-key FILE.");
  if (all.size() == 1) return all.front();
  return esdk::MakeMultiKeyring(nullptr, std::move(all));
}

Result<std::string> NormalUrl(const std::string& given) {
  constexpr std::string_view kS3 = "s3://";
  if (!given.starts_with(kS3)) {
    if (given.empty() || given.find("://") != std::string::npos)
      return Error(Errc::kInvalidArgument, "'" + given + "' is neither s3://BUCKET/PREFIX nor a directory.");
    std::string directory = std::filesystem::absolute(given).lexically_normal().string();
    while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
    return directory;
  }
  std::string url = given;
  while (url.back() == '/' && url.size() > kS3.size()) url.pop_back();
  const std::string_view rest = std::string_view(url).substr(kS3.size());
  if (rest.empty() || rest.front() == '/')
    return Error(Errc::kInvalidArgument, "'" + given + "' names no bucket: s3://BUCKET/PREFIX.");
  return url;
}

Result<std::string> ReadLocationId(aws_client::ObjectStore& store) {
  SR_TRY(const Bytes bytes, aws_client::GetAll(store, kLocationObject, 4096));
  const auto wrong = [&] {
    return Error(Errc::kCorrupted,
                 fmt::format("{} in {} is not what this program writes there.", kLocationObject, store.Description()));
  };
  boost::system::error_code failed;
  const json::value value = json::parse(AsText(bytes), failed);
  if (failed || !value.is_object()) return wrong();
  const json::value* format = value.as_object().if_contains("format");
  const json::value* id = value.as_object().if_contains("id");
  if (format == nullptr || *format != 1 || id == nullptr || !id->is_string()) return wrong();
  const std::string text(id->as_string());
  const auto parsed = FromHex(text);
  if (!parsed.ok() || parsed->size() != 16 || Hex(*parsed) != text) return wrong();
  return text;
}

Status CheckLocationId(const Access& access) {
  const auto id = ReadLocationId(*access.store);
  if (id.ok() && *id == access.location.id) return {};
  if (!id.ok() && id.error().code() != Errc::kNotFound) return id.error();
  if (!id.ok()) {
    // A bucket that is not there has its own words for that.
    const auto page = access.store->List("", "", 1);
    if (!page.ok()) return page.error();
  }
  return Error(
      Errc::kConflict,
      fmt::format("{} is not location '{}' any more: it has {} id in {}. Is the right disk mounted, the right "
                  "bucket named?",
                  access.store->Description(), access.location.name, id.ok() ? "another" : "no", kLocationObject));
}

Status WriteLocationId(aws_client::ObjectStore& store, const std::string& id) {
  const std::string text = json::serialize(json::value{{"format", 1}, {"id", id}}) + "\n";
  const auto put = store.Put(kLocationObject, AsBytes(text), aws_client::PutIf::kAbsent);
  if (!put.ok()) return put.error();
  return {};
}

}  // namespace strongroom::archive
