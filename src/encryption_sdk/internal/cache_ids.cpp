#include "encryption_sdk/internal/cache_ids.h"

#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {
namespace {

constexpr std::uint8_t kResource = 1, kEncryption = 1, kDecryption = 2;

Bytes Begin(std::uint8_t scope, std::string_view partition) {
  Bytes text{kResource, 0, scope, 0};
  Append(text, AsBytes(partition));
  text.push_back(0);
  return text;
}

}  // namespace

Result<CacheId> EncryptionCacheId(std::string_view partition, const EncryptionRequest& request) {
  SR_TRY(const Bytes context, Serialize(request.context));
  Bytes text = Begin(kEncryption, partition);
  text.push_back(request.suite ? 1 : 0);
  if (request.suite) {
    text.push_back(0);
    Put16(text, static_cast<std::uint16_t>(*request.suite));
  } else {
    // Two policies have two defaults.
    Put16(text, static_cast<std::uint16_t>(DefaultSuite(request.policy)));
  }
  text.push_back(0);
  Append(text, context);
  return crypto::Sha384(text);
}

Result<CacheId> DecryptionCacheId(std::string_view partition, const DecryptionRequest& request) {
  SR_TRY(const Bytes context, Serialize(request.context));
  std::vector<Bytes> entries;
  for (const EncryptedDataKey& key : request.encrypted_data_keys) {
    SR_TRY(Bytes entry, Serialize(std::span(&key, 1)));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end());
  Bytes text = Begin(kDecryption, partition);
  Put16(text, static_cast<std::uint16_t>(request.suite));
  text.push_back(0);
  for (const Bytes& entry : entries) Append(text, entry);
  text.push_back(0);
  Append(text, context);
  // Entries that only the caller has belong to the materials, too.
  EncryptionContext added;
  for (const auto& [key, value] : request.reproduced) {
    if (!request.context.contains(key)) added.emplace(key, value);
  }
  SR_TRY(const Bytes more, Serialize(added));
  text.push_back(0);
  Append(text, more);
  return crypto::Sha384(text);
}

}  // namespace strongroom::encryption_sdk::internal
