#pragma once

#include "encryption_sdk/header.h"

namespace strongroom::encryption_sdk::internal {

/// Reads a header as its bytes come in and checks each field as soon as it is whole. Keeps at most max_header_bytes.
class HeaderParser {
 public:
  explicit HeaderParser(const HeaderLimits& limits) : limits_(limits) {}

  /// Takes what it needs from the beginning of `input` and returns how much that was: all of it until done().
  Result<std::size_t> Feed(ByteView input);
  bool done() const noexcept { return stage_ == Stage::kDone; }
  const Header& header() const noexcept { return header_; }
  /// The header's bytes as received, its authentication included.
  const Bytes& raw() const noexcept { return raw_; }
  /// Where the input ended, for Truncated: "in the algorithm suite id".
  std::string_view Where() const noexcept;

 private:
  enum class Stage : std::uint8_t {
    kVersion,
    kBase64,
    kBase64Third,
    kType,
    kSuite,
    kMessageId,
    kContextSize,
    kContext,
    kKeyCount,
    kProviderIdSize,
    kProviderId,
    kProviderInfoSize,
    kProviderInfo,
    kCiphertextSize,
    kCiphertext,
    kContentType,
    kReserved,
    kIvLength,
    kFrameLength,
    kSuiteData,
    kAuthentication,
    kDone
  };
  Status Step(ByteView field);
  Status TakeVersion(std::uint8_t version);
  Status TakeSuite(std::uint16_t id);
  Status TakeKeyCount(std::size_t count);
  Status TakeFrameLength(std::uint32_t length);
  void Expect(Stage stage, std::size_t size) noexcept {
    stage_ = stage;
    need_ = size;
  }
  void ExpectNextKey() noexcept;
  void ExpectAuthentication() noexcept;

  HeaderLimits limits_;
  Header header_;
  Bytes raw_;
  Stage stage_ = Stage::kVersion;
  std::size_t need_ = 1, field_at_ = 0, keys_left_ = 0;
  int version_ = 0;
};

}  // namespace strongroom::encryption_sdk::internal
