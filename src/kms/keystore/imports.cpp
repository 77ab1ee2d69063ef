#include "kms/keystore/imports.h"

#include "import.pb.h"

namespace strongroom::kms {
namespace {

using wire::Command;

/// A wrapping pair may have to be made, and an RSA key be tested.
hsm_client::Clock::time_point Deadline() { return hsm_client::Clock::now() + std::chrono::seconds(60); }

Error Worded(const KeyRow& row, Error error) {
  switch (error.code()) {
    case Errc::kInvalidImportToken: return Error(error.code(), "The import token is not valid for " + row.Arn() + ".");
    case Errc::kExpiredImportToken: return Error(error.code(), "The import token has expired.");
    case Errc::kBadCiphertext:
      return Error(
          error.code(),
          "The encrypted key material cannot be decrypted with the import token's wrapping key and algorithm.");
    case Errc::kIncorrectKeyMaterial:
      return Error(error.code(), "The key material is not of the form that key spec " + row.spec + " takes.");
    case Errc::kUntrusted:
    case Errc::kCancelled:
      return Error(Errc::kUnavailable, "The key store is not reachable.").WithDetail(error.ForLog());
    default: return error;
  }
}

std::string Text(ByteView bytes) { return std::string(AsText(bytes)); }

}  // namespace

Task<Result<WrappingParameters>> MakeWrappingParameters(HsmKeyStore& domain, const KeyRow& row, std::string algorithm,
                                                        std::string spec, std::int64_t valid_to_millis) {
  proto::MakeImportKeyRequest request;
  request.set_account(row.account);
  request.set_key_id(row.key_id);
  request.set_region(row.region);
  request.set_wrapping_algorithm(algorithm);
  request.set_wrapping_spec(spec);
  request.set_spec(row.spec);
  request.set_valid_to_millis(valid_to_millis);
  std::vector<SecretBuffer> none;
  auto answer = co_await domain.cluster()->Call<proto::MakeImportKeyReply>(Command::kMakeImportKey, request,
                                                                           std::move(none), Deadline());
  if (!answer.ok()) co_return Worded(row, std::move(answer).error());
  WrappingParameters made;
  made.import_token = ToBytes(AsBytes(answer->reply.import_token()));
  made.public_key = ToBytes(AsBytes(answer->reply.public_key()));
  co_return made;
}

Task<Result<ImportedMaterial>> Unwrap(HsmKeyStore& domain, const KeyRow& row, Bytes import_token, Bytes wrapped,
                                      std::int64_t now_millis) {
  proto::ImportKeyRequest request;
  request.set_account(row.account);
  request.set_key_id(row.key_id);
  request.set_region(row.region);
  request.set_spec(row.spec);
  request.set_usage(row.usage);
  request.set_import_token(Text(import_token));
  request.set_wrapped(Text(wrapped));
  request.set_now_millis(now_millis);
  std::vector<SecretBuffer> none;
  auto answer =
      co_await domain.cluster()->Call<proto::ImportKeyReply>(Command::kImportKey, request, std::move(none), Deadline());
  if (!answer.ok()) co_return Worded(row, std::move(answer).error());
  ImportedMaterial imported;
  imported.id = answer->reply.material_id();
  imported.token = ToBytes(AsBytes(answer->reply.token()));
  co_return imported;
}

}  // namespace strongroom::kms
