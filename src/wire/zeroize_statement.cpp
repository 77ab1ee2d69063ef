#include "wire/zeroize_statement.h"

#include <string_view>

namespace strongroom::wire {
namespace {

constexpr std::string_view kMagic = "SRZ";
constexpr std::string_view kPurpose = "strongroom zeroised v1";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMillisBytes = 8;

void PutName(Bytes& out, std::string_view name) {
  out.push_back(static_cast<std::uint8_t>(name.size()));
  out.insert(out.end(), name.begin(), name.end());
}

std::optional<std::string> TakeName(ByteView& in) {
  if (in.empty() || in.size() < 1U + in[0]) return std::nullopt;
  std::string name(AsText(in.subspan(1, in[0])));
  in = in.subspan(1U + in[0]);
  return name;
}

}  // namespace

Bytes MakeZeroizeStatement(const ZeroizeStatement& statement) {
  Bytes out(kMagic.begin(), kMagic.end());
  out.push_back(kVersion);
  PutName(out, statement.hsm_id);
  PutName(out, statement.cluster_id);
  const auto millis = static_cast<std::uint64_t>(statement.at_millis);
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(millis >> shift));
  return out;
}

std::optional<ZeroizeStatement> ParseZeroizeStatement(ByteView bytes) {
  if (bytes.size() < kMagic.size() + 1 || AsText(bytes.first(kMagic.size())) != kMagic ||
      bytes[kMagic.size()] != kVersion)
    return std::nullopt;
  ByteView rest = bytes.subspan(kMagic.size() + 1);
  auto hsm_id = TakeName(rest);
  auto cluster_id = hsm_id ? TakeName(rest) : std::nullopt;
  if (!cluster_id || rest.size() != kMillisBytes) return std::nullopt;
  std::uint64_t millis = 0;
  for (const std::uint8_t byte : rest) millis = millis << 8 | byte;
  return ZeroizeStatement{std::move(*hsm_id), std::move(*cluster_id), static_cast<std::int64_t>(millis)};
}

Bytes SignedForm(ByteView statement) {
  Bytes out(kPurpose.begin(), kPurpose.end());
  out.push_back(0);
  out.insert(out.end(), statement.begin(), statement.end());
  return out;
}

}  // namespace strongroom::wire
