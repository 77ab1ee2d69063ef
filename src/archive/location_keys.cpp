#include "archive/location_keys.h"

#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <set>

#include "archive/paths.h"
#include "archive/snapshot.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace json = boost::json;

constexpr std::size_t kLargest = 1 << 20;
constexpr std::string_view kKindLocation = "location";

/// One name for a multi-Region key in all Regions: each machine may use the one that is near.
std::string CommonName(std::string name) {
  if (name.find(":key/mrk-") == std::string::npos) return name;
  constexpr int kFieldsBefore = 3;  // arn:aws:kms:
  std::size_t begin = 0;
  for (int i = 0; i < kFieldsBefore; ++i) begin = name.find(':', begin) + 1;
  return name.replace(begin, name.find(':', begin) - begin, "*");
}

std::set<std::string> NamesOf(const WrappingKeys& keys) {
  std::set<std::string> names;
  for (const std::string& key : keys.kms_keys) names.insert(CommonName(key));
  for (const OfflineKey& key : keys.offline) names.insert(key.name);
  return names;
}

esdk::EncryptionContext ContextOf(const Access& access) {
  return {{std::string(kContextLocation), access.location.id}, {std::string(kContextKind), std::string(kKindLocation)}};
}

Error Others(const Access& access, std::string_view which) {
  if (access.location.previous_keys)
    return Error(Errc::kConflict,
                 fmt::format("A rekey of this location is not through: `strongroom archive rekey {}` goes on with it.",
                             access.location.name));
  return Error(
      Errc::kConflict,
      fmt::format("The location's wrapping keys were replaced{} by a rekey on another machine; those named here "
                  "are from before. Ask whoever did it which they are. Where the location is configured "
                  "already, `strongroom archive rekey {} --kms-key-id KEY` with the same keys takes them over.",
                  which, access.location.name));
}

/// Names in the plaintext. Errors: kCorrupted.
Result<std::set<std::string>> NamesIn(ByteView plaintext) {
  const Error wrong(Errc::kCorrupted, fmt::format("The object {} is not what this program writes.", kKeysObject));
  boost::system::error_code failed;
  const json::value value = json::parse(AsText(plaintext), failed);
  if (failed || !value.is_object()) return wrong;
  const json::value* format = value.as_object().if_contains("format");
  const json::value* keys = value.as_object().if_contains("keys");
  if (format == nullptr || *format != 1 || keys == nullptr || !keys->is_array()) return wrong;
  std::set<std::string> names;
  for (const json::value& key : keys->as_array()) {
    if (!key.is_string()) return wrong;
    names.emplace(key.as_string());
  }
  return names;
}

}  // namespace

Result<std::optional<Bytes>> ReadLocationKeys(aws_client::ObjectStore& store) {
  auto bytes = aws_client::GetAll(store, kKeysObject, kLargest);
  if (bytes.ok()) return std::optional(*std::move(bytes));
  if (bytes.error().code() == Errc::kNotFound) return std::optional<Bytes>();
  return std::move(bytes).error();
}

Status CheckLocationKeys(const Access& access, const Bytes& object, const WrappingKeys& keys) {
  const auto header = esdk::PeekHeader(object);
  std::set<std::string> named;
  esdk::EncryptionContext context;
  if (header.ok()) {
    context = header->context;
    context.erase(std::string(esdk::kPublicKeyName));
    for (const esdk::EncryptedDataKey& key : header->encrypted_data_keys)
      named.insert(CommonName(std::string(AsText(key.provider_info))));
  }
  if (context != ContextOf(access))
    return Error(Errc::kCorrupted, fmt::format("The object {} in {} was altered. A `rekey` to the location's own keys "
                                               "writes it anew.",
                                               kKeysObject, access.store->Description()));
  // Not proved, and need not be: who could forge the header could as well delete the object.
  if (named == NamesOf(keys)) return {};
  // What it says is passed on only if somebody who may use one of the keys here has written it.
  if (keys.kms_keys.empty()) return Others(access, "");
  SR_TRY(auto keyring, access.KmsKeyring(keys.kms_keys));
  const esdk::CmmPtr cmm = esdk::MakeDefaultCmm(std::move(keyring));
  const auto opened = esdk::DecryptMessage(*cmm, object);
  if (!opened.ok() || opened->facts.header.suite != esdk::SuiteId::k256CommitP384) return Others(access, "");
  SR_TRY(const auto names, NamesIn(opened->plaintext));
  return Others(access, fmt::format(" with {}", fmt::join(names, ", ")));
}

Status WriteLocationKeys(const Access& access, const WrappingKeys& keys) {
  json::array names;
  for (const std::string& key : keys.kms_keys) names.emplace_back(key);
  for (const OfflineKey& key : keys.offline) names.emplace_back(key.name);
  const std::string text = json::serialize(json::value{{"format", 1}, {"keys", std::move(names)}});
  SR_TRY(auto keyring, access.WritingKeyring(keys));
  const esdk::CmmPtr cmm = esdk::MakeDefaultCmm(std::move(keyring));
  esdk::EncryptOptions options;
  options.suite = esdk::SuiteId::k256CommitP384;
  SR_TRY(const esdk::EncryptedMessage sealed, esdk::EncryptMessage(*cmm, ContextOf(access), AsBytes(text), options));
  const auto put = access.store->Put(kKeysObject, sealed.message, aws_client::PutIf::kAny);
  if (!put.ok()) return put.error();
  return {};
}

}  // namespace strongroom::archive
