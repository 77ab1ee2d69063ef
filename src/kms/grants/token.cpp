#include "kms/grants/token.h"

#include <algorithm>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace strongroom::kms {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNonceBytes = 16, kGrantIdBytes = 32, kAccountBytes = 12, kMacBytes = 32;
constexpr std::string_view kPurpose = "strongroom grant token v1";
constexpr std::uint8_t kZero[] = {0};

crypto::Sha256Digest Mac(const SecretBuffer& key, ByteView body) {
  return crypto::HmacSha256(key, {AsBytes(kPurpose), kZero, body});
}

/// Reads front to back; once something is missing, everything is empty and `ok` false.
struct Cursor {
  ByteView rest;
  bool ok = true;

  ByteView Take(std::size_t n) {
    if (!ok || rest.size() < n) {
      ok = false;
      return {};
    }
    const ByteView taken = rest.first(n);
    rest = rest.subspan(n);
    return taken;
  }
  std::string Text() {
    const ByteView size = Take(1);
    return ok ? std::string(AsText(Take(size[0]))) : std::string();
  }
};

}  // namespace

Error InvalidGrantToken() { return Error(Errc::kInvalidGrantToken, "The grant token is not valid."); }

Result<std::string> GrantTokens::Make(const Grant& grant) const {
  SR_TRY(const Bytes grant_id, FromHex(grant.grant_id));
  Bytes token(1 + kNonceBytes);
  token[0] = kVersion;
  SR_CHECK(crypto::Random(std::span(token).subspan(1)));
  Append(token, grant_id);
  Append(token, AsBytes(grant.account));
  for (const std::string* text : {&grant.region, &grant.key_id}) {
    token.push_back(static_cast<std::uint8_t>(text->size()));
    Append(token, AsBytes(*text));
  }
  Append(token, Mac(key_, token));
  // RFC 4648, section 5, without padding: the alphabet of AWS's tokens.
  std::string text = Base64(token);
  text.resize(text.find_last_not_of('=') + 1);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

Result<GrantName> GrantTokens::Read(std::string_view token) const {
  if (token.find_first_of("+/=") != std::string_view::npos) return InvalidGrantToken();
  std::string text(token);
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  const auto bytes = FromBase64(text);
  if (!bytes.ok() || bytes->size() <= kMacBytes) return InvalidGrantToken();
  const ByteView all(*bytes);
  const ByteView body = all.first(all.size() - kMacBytes);
  if (!crypto::ConstantTimeEqual(Mac(key_, body), all.last(kMacBytes))) return InvalidGrantToken();
  Cursor in{body};
  const ByteView version = in.Take(1);
  if (!in.ok || version[0] != kVersion) return InvalidGrantToken();
  in.Take(kNonceBytes);
  GrantName name;
  name.grant_id = Hex(in.Take(kGrantIdBytes));
  name.account = AsText(in.Take(kAccountBytes));
  name.region = in.Text();
  name.key_id = in.Text();
  if (!in.ok || !in.rest.empty()) return InvalidGrantToken();
  return name;
}

}  // namespace strongroom::kms
