#include "encryption_sdk/internal/header_parser.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/frames.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {
namespace {

constexpr std::uint8_t kCustomerAuthenticatedType = 0x80;
constexpr std::size_t kReservedBytes = 4;

Error Malformed(std::string_view text) { return MakeError(ErrorCode::kMalformedHeader, text); }

Error NotAVersion(std::uint8_t version) {
  return MakeError(
      ErrorCode::kUnsupportedVersion,
      fmt::format("The first byte is {:#04x}, so this is no message of version 1 or 2 of the AWS Encryption "
                  "SDK's format.",
                  version));
}

}  // namespace

std::string_view HeaderParser::Where() const noexcept {
  static constexpr std::string_view kNames[] = {"before the version",
                                                "in the version",
                                                "in the version",
                                                "in the type",
                                                "in the algorithm suite id",
                                                "in the message id",
                                                "in the encryption context's length",
                                                "in the encryption context",
                                                "in the count of encrypted data keys",
                                                "in an encrypted data key",
                                                "in an encrypted data key",
                                                "in an encrypted data key",
                                                "in an encrypted data key",
                                                "in an encrypted data key",
                                                "in an encrypted data key",
                                                "in the content type",
                                                "in the reserved bytes",
                                                "in the IV length",
                                                "in the frame length",
                                                "in the algorithm suite data",
                                                "in the header authentication",
                                                "after the header"};
  return kNames[static_cast<std::size_t>(stage_)];
}

Result<std::size_t> HeaderParser::Feed(ByteView input) {
  std::size_t used = 0;
  while (!done()) {
    if (raw_.size() + need_ > limits_.max_header_bytes) {
      return MakeError(ErrorCode::kLimitExceeded,
                       fmt::format("The header has more than {} bytes.", limits_.max_header_bytes));
    }
    // A field's beginning may be waiting at the end of raw_, from an earlier piece.
    const std::size_t take = std::min(need_, input.size() - used);
    Append(raw_, input.subspan(used, take));
    used += take;
    need_ -= take;
    if (need_ > 0) return used;
    SR_CHECK(Step(ByteView(raw_).subspan(field_at_)));
    field_at_ = raw_.size();
  }
  return used;
}

Status HeaderParser::Step(ByteView field) {
  switch (stage_) {
    case Stage::kVersion: return TakeVersion(field[0]);
    case Stage::kBase64:
      if (field[0] != 'Y' && field[0] != 'g') return NotAVersion('A');
      if (field[0] == 'g') {
        Expect(Stage::kBase64Third, 1);
        return {};
      }
      return MakeError(ErrorCode::kBase64Input, "The message is base64; decode it first.");
    case Stage::kBase64Third:
      if (field[0] != 'R' && field[0] != 'V') return NotAVersion('A');
      return MakeError(ErrorCode::kBase64Input, "The message is base64; decode it first.");
    case Stage::kType:
      if (field[0] != kCustomerAuthenticatedType) {
        return MakeError(ErrorCode::kUnsupportedType, fmt::format("The message type {:#04x} is not known.", field[0]));
      }
      Expect(Stage::kSuite, 2);
      return {};
    case Stage::kSuite: return TakeSuite(static_cast<std::uint16_t>(Get16(field)));
    case Stage::kMessageId:
      header_.message_id = ToBytes(field);
      Expect(Stage::kContextSize, 2);
      return {};
    case Stage::kContextSize:
      if (Get16(field) != 0) {
        Expect(Stage::kContext, Get16(field));
      } else {
        Expect(Stage::kKeyCount, 2);
      }
      return {};
    case Stage::kContext: {
      SR_TRY(header_.context, ParseContext(field));
      Expect(Stage::kKeyCount, 2);
      return {};
    }
    case Stage::kKeyCount: return TakeKeyCount(Get16(field));
    case Stage::kProviderIdSize: Expect(Stage::kProviderId, Get16(field)); return {};
    case Stage::kProviderId:
      if (!IsUtf8(AsText(field))) return Malformed("The provider id of an encrypted data key is not UTF-8.");
      header_.encrypted_data_keys.back().provider_id = AsText(field);
      Expect(Stage::kProviderInfoSize, 2);
      return {};
    case Stage::kProviderInfoSize: Expect(Stage::kProviderInfo, Get16(field)); return {};
    case Stage::kProviderInfo:
      header_.encrypted_data_keys.back().provider_info = ToBytes(field);
      Expect(Stage::kCiphertextSize, 2);
      return {};
    case Stage::kCiphertextSize: Expect(Stage::kCiphertext, Get16(field)); return {};
    case Stage::kCiphertext:
      header_.encrypted_data_keys.back().ciphertext = ToBytes(field);
      ExpectNextKey();
      return {};
    case Stage::kContentType:
      if (field[0] != 1 && field[0] != 2) return Malformed(fmt::format("The content type is {}.", field[0]));
      header_.content_type = static_cast<ContentType>(field[0]);
      if (version_ == 1) {
        Expect(Stage::kReserved, kReservedBytes);
      } else {
        Expect(Stage::kFrameLength, 4);
      }
      return {};
    case Stage::kReserved:
      if (Get32(field) != 0) return Malformed("The reserved bytes are not zero.");
      Expect(Stage::kIvLength, 1);
      return {};
    case Stage::kIvLength:
      if (field[0] != kIvBytes) return Malformed(fmt::format("The IV length is {} and not 12.", field[0]));
      Expect(Stage::kFrameLength, 4);
      return {};
    case Stage::kFrameLength: return TakeFrameLength(Get32(field));
    case Stage::kSuiteData:
      header_.suite_data = ToBytes(field);
      ExpectAuthentication();
      return {};
    case Stage::kAuthentication:
      header_.iv = ToBytes(field.first(field.size() - kTagBytes));
      header_.tag = ToBytes(field.last(kTagBytes));
      header_.total_bytes = raw_.size();
      Expect(Stage::kDone, 0);
      return {};
    case Stage::kDone: break;
  }
  return {};
}

Status HeaderParser::TakeVersion(std::uint8_t version) {
  version_ = version;
  if (version == 'A') {  // base64 of both versions begins with it
    Expect(Stage::kBase64, 1);
  } else if (version == 1) {
    Expect(Stage::kType, 1);
  } else if (version == 2) {
    Expect(Stage::kSuite, 2);
  } else {
    return NotAVersion(version);
  }
  return {};
}

Status HeaderParser::TakeSuite(std::uint16_t id) {
  const Suite* suite = FindSuite(id);
  if (suite == nullptr || suite->version() != version_) {
    return MakeError(ErrorCode::kUnsupportedSuite,
                     fmt::format("Version {} of the format has no algorithm suite {:04x}.", version_, id));
  }
  header_.suite = suite->id;
  Expect(Stage::kMessageId, suite->message_id_bytes());
  return {};
}

Status HeaderParser::TakeKeyCount(std::size_t count) {
  if (count == 0) return Malformed("There is no encrypted data key.");
  if (limits_.max_encrypted_data_keys && count > *limits_.max_encrypted_data_keys) {
    return MakeError(ErrorCode::kTooManyEncryptedDataKeys,
                     fmt::format("The message has {} encrypted data keys and at most {} are allowed.", count,
                                 *limits_.max_encrypted_data_keys));
  }
  keys_left_ = count;
  ExpectNextKey();
  return {};
}

Status HeaderParser::TakeFrameLength(std::uint32_t length) {
  if ((header_.content_type == ContentType::kFramed) != (length > 0)) {
    return Malformed(fmt::format("The frame length {} does not fit the content type.", length));
  }
  header_.frame_length = length;
  if (SuiteOf(header_.suite).suite_data_bytes() > 0) {
    Expect(Stage::kSuiteData, SuiteOf(header_.suite).suite_data_bytes());
  } else {
    ExpectAuthentication();
  }
  return {};
}

void HeaderParser::ExpectNextKey() noexcept {
  if (keys_left_ == 0) {
    Expect(Stage::kContentType, 1);
    return;
  }
  --keys_left_;
  header_.encrypted_data_keys.emplace_back();
  Expect(Stage::kProviderIdSize, 2);
}

void HeaderParser::ExpectAuthentication() noexcept {
  header_.body_bytes = raw_.size();
  Expect(Stage::kAuthentication, version_ == 1 ? kIvBytes + kTagBytes : kTagBytes);
}

}  // namespace strongroom::encryption_sdk::internal
