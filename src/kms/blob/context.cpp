#include "kms/blob/context.h"

namespace strongroom::kms {
namespace {
constexpr std::size_t kMaxBytes = 8192;

void PutText(Bytes& out, const std::string& text) {
  out.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(text.size()));
  Append(out, AsBytes(text));
}
}  // namespace

Result<Bytes> CanonicalContext(const EncryptionContext& context) {
  std::size_t size = 2;
  for (const auto& [key, value] : context) size += 4 + key.size() + value.size();
  if (size > kMaxBytes)
    return Error(Errc::kInvalidArgument, "The encryption context is longer than 8192 bytes in its canonical form.");
  Bytes out;
  out.reserve(size);
  out.push_back(static_cast<std::uint8_t>(context.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(context.size()));
  for (const auto& [key, value] : context) {
    PutText(out, key);
    PutText(out, value);
  }
  return out;
}

}  // namespace strongroom::kms
