#include "encryption_sdk/internal/keyring_rules.h"

#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {

Status CheckRawNames(std::string_view name_space, std::string_view name) {
  if (name_space.starts_with("aws-kms")) {
    return MakeError(ErrorCode::kInvalidArgument, "A key namespace that begins with aws-kms belongs to AWS KMS.");
  }
  if (name_space.empty() || name.empty() || name_space.size() > kMostInField || name.size() > kMostInField - 20 ||
      !IsUtf8(name_space) || !IsUtf8(name)) {
    return MakeError(ErrorCode::kInvalidArgument, "Key namespace and key name are UTF-8 texts of 1 to 65,515 bytes.");
  }
  return {};
}

Status RequireNoDataKey(const DecryptionMaterials& materials) {
  if (materials.data_key.empty()) return {};
  return MakeError(ErrorCode::kInvalidArgument, "The materials hold a data key already.");
}

Error AttemptFailed(std::string_view which, const Error& error) {
  Error cause(error.code(), fmt::format("{}: {}", which, error.public_message()), error.where());
  return error.detail().empty() ? cause : std::move(cause).WithDetail(error.detail());
}

Error WrongKeyLength(std::string_view which) {
  return Error(Errc::kBadCiphertext, fmt::format("{}: the data key has not the suite's length.", which));
}

}  // namespace strongroom::encryption_sdk::internal
