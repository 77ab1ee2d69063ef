#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "secret/secret_buffer.h"
#include "wire/key_token.h"

namespace strongroom::hsm {

enum class MaterialKind : std::uint8_t { kSymmetric = 1, kPkcs8 = 2 };

/// Key tokens (docs/formats.md 5): "SRT" | version 1 | u32 generation | sealed(kind | material), bound to a binding.
inline constexpr std::size_t kTokenHeadBytes = wire::kKeyTokenHeadBytes;
/// An ML-DSA-87 PKCS#8 form is about 5 KiB (RSA-4096: 2.4); nothing larger is ever wrapped.
inline constexpr std::size_t kMaxTokenBytes = 8192;

/// Generation that a token names. Errors: kBadCiphertext for anything that is not a token of version 1.
Result<std::uint32_t> TokenGeneration(ByteView token);

/// What a binding says. The views are into the bytes that were read.
using Binding = wire::KeyTokenBinding;
/// Errors: kInvalidArgument.
Result<Binding> ReadBinding(ByteView bytes);

/// Errors: kInternal, kResourceExhausted.
Result<Bytes> SealToken(const SecretBuffer& domain_key, std::uint32_t generation, ByteView binding, MaterialKind kind,
                        const SecretBuffer& material);

struct OpenedToken {
  MaterialKind kind = MaterialKind::kSymmetric;
  SecretBuffer material;
};
/// Errors: kBadCiphertext with one text for whatever is wrong (tampered, other binding, other generation's key).
Result<OpenedToken> OpenToken(const SecretBuffer& domain_key, std::uint32_t generation, ByteView binding,
                              ByteView token);

}  // namespace strongroom::hsm
