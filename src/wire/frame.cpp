#include "wire/frame.h"

#include <google/protobuf/message_lite.h>

#include <bit>
#include <cstring>
#include <limits>

#include "secret/key_access.h"

namespace strongroom::wire {
namespace {

constexpr std::uint8_t kHasPosition = 1;
constexpr std::uint8_t kHasClientId = 2;
constexpr std::size_t kFixedBytes = 1 + 1 + 2 + 8;

template <typename Int>
void Put(std::uint8_t* to, Int value) noexcept {
  for (std::size_t i = 0; i < sizeof(Int); ++i)
    to[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(Int) - 1 - i)));
}

/// Reads big-endian integers and runs of bytes; once something is missing, `bad` stays set.
struct Reader {
  ByteView in;
  bool bad = false;

  template <typename Int>
  Int Take() noexcept {
    if (in.size() < sizeof(Int)) return bad = true, Int{};
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Int); ++i) value = value << 8 | in[i];
    in = in.subspan(sizeof(Int));
    return static_cast<Int>(value);
  }
  ByteView TakeBytes(std::size_t n) noexcept {
    if (in.size() < n) return bad = true, ByteView{};
    const ByteView out = in.first(n);
    in = in.subspan(n);
    return out;
  }
};

Error Broken() { return Error(Errc::kSerialization, "The frame is not well-formed."); }

}  // namespace

namespace {
struct Sizes {
  std::size_t total = 0;  // of `length`
};
Result<Sizes> Measure(const Frame& frame, std::size_t message_size) {
  if (frame.position.size() > kMaxPositionBytes || frame.segments.size() > kMaxSegments)
    return Error(Errc::kRequestTooLarge, "The command is too large.");
  Sizes s;
  s.total = kFixedBytes + 4 + message_size;
  if (!frame.position.empty()) s.total += 1 + frame.position.size();
  if (frame.client_id) s.total += frame.client_id->size();
  for (const auto& segment : frame.segments) s.total += 4 + segment.size();
  if (s.total > kMaxFrameBytes) return Error(Errc::kRequestTooLarge, "The command is too large.");
  return s;
}

/// Everything up to the protobuf's bytes; returns where they go.
std::uint8_t* PutHead(const Frame& frame, std::size_t total, std::size_t message_size, std::uint8_t* at) {
  Put(at, static_cast<std::uint32_t>(total));
  at[4] = static_cast<std::uint8_t>(frame.kind);
  at[5] = static_cast<std::uint8_t>((frame.position.empty() ? 0 : kHasPosition) | (frame.client_id ? kHasClientId : 0));
  Put(at + 6, frame.code);
  Put(at + 8, frame.id);
  at += 4 + kFixedBytes;
  if (!frame.position.empty()) {
    *at++ = static_cast<std::uint8_t>(frame.position.size());
    at = std::copy(frame.position.begin(), frame.position.end(), at);
  }
  if (frame.client_id) at = std::copy(frame.client_id->begin(), frame.client_id->end(), at);
  Put(at, static_cast<std::uint32_t>(message_size));
  return at + 4;
}
}  // namespace

Status FrameCodec::Encode(const Frame& frame, secret::SecretBytes& out) {
  SR_TRY(const Sizes sizes, Measure(frame, frame.message.size()));
  const std::size_t start = out.size();
  out.resize(start + 4 + sizes.total);
  std::uint8_t* at = PutHead(frame, sizes.total, frame.message.size(), out.data() + start);
  at = std::copy(frame.message.begin(), frame.message.end(), at);
  for (const auto& segment : frame.segments) {
    Put(at, static_cast<std::uint32_t>(segment.size()));
    const ByteView bytes = segment.Reveal(secret::KeyAccess{});
    at = std::copy(bytes.begin(), bytes.end(), at + 4);
  }
  return {};
}

Status FrameCodec::Encode(const Frame& frame, const google::protobuf::MessageLite& message, secret::SecretBytes& out) {
  const std::size_t message_size = message.ByteSizeLong();
  SR_TRY(const Sizes sizes, Measure(frame, message_size));
  const std::size_t start = out.size();
  out.resize(start + 4 + sizes.total);
  std::uint8_t* at = PutHead(frame, sizes.total, message_size, out.data() + start);
  at = message.SerializeWithCachedSizesToArray(at);
  for (const auto& segment : frame.segments) {
    Put(at, static_cast<std::uint32_t>(segment.size()));
    const ByteView bytes = segment.Reveal(secret::KeyAccess{});
    at = std::copy(bytes.begin(), bytes.end(), at + 4);
  }
  return {};
}

Result<std::size_t> FrameCodec::Decode(ByteView in, Frame& frame) {
  Reader r{in};
  const auto length = r.Take<std::uint32_t>();
  if (r.bad) return std::size_t{0};
  if (length > kMaxFrameBytes) return Error(Errc::kRequestTooLarge, "The frame is too large.");
  if (length < kFixedBytes + 4) return Broken();
  if (r.in.size() < length) return std::size_t{0};
  r.in = r.in.first(length);

  const auto kind = r.Take<std::uint8_t>();
  const auto flags = r.Take<std::uint8_t>();
  if (kind < 1 || kind > 3 || (flags & ~(kHasPosition | kHasClientId)) != 0) return Broken();
  frame.kind = static_cast<FrameKind>(kind);
  frame.code = r.Take<std::uint16_t>();
  frame.id = r.Take<std::uint64_t>();
  frame.position.clear();
  frame.client_id.reset();
  frame.segments.clear();
  if (flags & kHasPosition) {
    const auto n = r.Take<std::uint8_t>();
    if (n == 0 || n > kMaxPositionBytes) return Broken();
    const ByteView position = r.TakeBytes(n);
    frame.position.assign(position.begin(), position.end());
  }
  if (flags & kHasClientId) {
    const ByteView id = r.TakeBytes(16);
    if (r.bad) return Broken();
    std::copy(id.begin(), id.end(), frame.client_id.emplace().begin());
  }
  const ByteView message = r.TakeBytes(r.Take<std::uint32_t>());
  if (r.bad) return Broken();
  frame.message.assign(message.begin(), message.end());
  while (!r.in.empty()) {
    const ByteView segment = r.TakeBytes(r.Take<std::uint32_t>());
    if (r.bad || frame.segments.size() == kMaxSegments) return Broken();
    SR_TRY(auto buffer, secret::SecretBuffer::CopyOf(segment));
    frame.segments.push_back(std::move(buffer));
  }
  return 4 + static_cast<std::size_t>(length);
}

Status ParseMessage(const Frame& frame, google::protobuf::MessageLite& message) {
  if (!message.ParseFromArray(frame.message.data(), static_cast<int>(frame.message.size())))
    return Error(Errc::kSerialization, "The message is not well-formed.");
  return {};
}

Status EncodeControl(const google::protobuf::MessageLite& message, Bytes& out) {
  const std::size_t size = message.ByteSizeLong();
  if (size > kMaxControlBytes) return Error(Errc::kRequestTooLarge, "The control message is too large.");
  const std::size_t start = out.size();
  out.resize(start + 4 + size);
  Put(out.data() + start, static_cast<std::uint32_t>(size));
  message.SerializeWithCachedSizesToArray(out.data() + start + 4);
  return {};
}

Result<std::size_t> DecodeControl(ByteView in, google::protobuf::MessageLite& message) {
  Reader r{in};
  const auto length = r.Take<std::uint32_t>();
  if (r.bad) return std::size_t{0};
  if (length > kMaxControlBytes) return Error(Errc::kRequestTooLarge, "The control message is too large.");
  if (r.in.size() < length) return std::size_t{0};
  if (!message.ParseFromArray(r.in.data(), static_cast<int>(length)))
    return Error(Errc::kSerialization, "The control message is not well-formed.");
  return 4 + static_cast<std::size_t>(length);
}

}  // namespace strongroom::wire
