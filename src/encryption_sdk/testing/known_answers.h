#pragma once

#include <memory>
#include <string>

#include "encryption_sdk/cmm.h"
#include "encryption_sdk/raw_aes_keyring.h"

/// Messages whose every byte is known, and the keys that open them. The keys are for tests only.
namespace strongroom::encryption_sdk::testing {

inline constexpr std::string_view kPlaintext = "backup of strongroom";

/// Committing, framed, not signed.
Bytes K1();
/// Committing, framed, signed by the private key 1.
Bytes K2();
/// Version 1, not framed, not signed.
Bytes K3();

/// `first`, `first` + 1, … for `size` bytes.
Bytes Counting(std::uint8_t first, std::size_t size);
SecretBuffer CountingSecret(std::uint8_t first, std::size_t size);
inline SecretBuffer DataKey(std::size_t size) { return CountingSecret(0x20, size); }
inline Bytes MessageId(std::size_t size) { return Counting(0x40, size); }

/// The private key 1 of the curve, whose public key is the curve's generator.
crypto::PrivateKey SigningKeyOne(SuiteCurve curve);

/// The raw AES keyring of K1 to K3: namespace "sr", name "w1".
KeyringPtr WrappingKey();
CmmPtr WrappingCmm();

}  // namespace strongroom::encryption_sdk::testing
