#pragma once

#include <functional>
#include <string>

#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/frames.h"
#include "encryption_sdk/testing/known_answers.h"

/// Messages of any shape for tests, those included that our writer does not make.
namespace strongroom::encryption_sdk::testing {

/// What a reader said: "" for success, else the error's name or, for another part's error, its Errc.
std::string Said(const Status& status);
template <typename T>
std::string Said(const Result<T>& result) {
  return result.ok() ? std::string() : Said(Status(result.error()));
}

/// Reads everything, whatever the policy, with the known wrapping key.
DecryptOptions ReadsAll();
/// The whole message in pieces of `piece` bytes (0: at once); what was released goes to `released`.
Result<MessageFacts> ReadInPieces(Cmm& cmm, ByteView message, std::size_t piece, Bytes& released,
                                  const DecryptOptions& options = ReadsAll());

EncryptOptions WritesSuite(SuiteId suite, std::uint32_t frame_length);
/// A message of `size` bytes of TextOf under the known wrapping key.
EncryptedMessage Write(SuiteId suite, std::uint32_t frame_length, std::size_t size,
                       const EncryptionContext& context = {{"a", "b"}});
/// The plaintext that Write takes.
Bytes TextOf(std::size_t size);

/// A message put together by hand. Each part may be changed before it is written.
struct HandMade {
  SuiteId suite = SuiteId::k256Commit;
  EncryptionContext context{{"a", "b"}};
  std::optional<Bytes> context_bytes;  // in place of the context's canonical form
  std::optional<EncryptedDataKeys> keys;
  ContentType content_type = ContentType::kFramed;
  std::uint32_t frame_length = 16;
  std::optional<Bytes> suite_data;
  Bytes plaintext = TextOf(20);
  bool empty_final_frame = false;
  bool random_ivs = false;
  std::function<void(Bytes& header_body)> change_header;  // before the tag is computed
  std::function<Bytes(const Bytes& signature)> change_signature;
  std::optional<std::string> public_key;  // in place of the right one
  /// Data key, message id and signing key are the known ones.
  Bytes Make() const;
};

/// The fields of a framed message, for surgery.
struct Pieces {
  Bytes header;
  std::vector<Bytes> frames;  // the last is the final one
  Bytes footer;
  Bytes Join() const;
};
Pieces TakeApart(ByteView message);

}  // namespace strongroom::encryption_sdk::testing
