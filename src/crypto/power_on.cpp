#include "crypto/self_test.h"

#include "crypto/aes_gcm.h"
#include "crypto/aes_kw.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/internal/openssl.h"
#include "crypto/key_pair.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "crypto/seal.h"

namespace strongroom::crypto {
namespace {

// Made for this test with `openssl genpkey`; it protects nothing.
constexpr std::string_view kRsaKey =
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDOr+sQCCnRKrikn5ANs0rw6e5iJDtKCNupja9RBVY5MzPiDXc8"
    "KLwM3GszlZxp54M9tJh8MOzvaxsF6fGt1vRPAJNHS1Ub50iqZHHQR8cEzNacvULWwRms3Xd5mxxpEeGykkxwOc3QnOC7OYLmrA8e"
    "XvE9PpZaga93H4WzCvPAThCjgRVQI+FRty3dyJ9D4bnl8ViLlS3dYxTNT5TPupzz4TNfWNqbVKmbr3ys2dA4hbvxM1R8MHpMYF0g"
    "qNKSswAmJz8FT0bqHzuYSkoH9Ks3xDQ8CIx2IcrJZ+jA8+Q09+vhBPKL+9gnB2O6zaVV2LOr7oMQszq8Pncp1t0mCOerAgMBAAEC"
    "ggEAB8fq1LLgYCKrlzoqjvMULypsJWWxYoG5Q0Wb0M3SoSfV6Pyr/UFk7Io5WIfMi6NOw+2FXNq6qlWHfufmIUhzI6ylEfOg3Wja"
    "ydwq+YK6PoQEaeiPsf+ZZ9iU8HVwBffJkPkELg7/BvHg9ytpfvJoEn/TtR28eBiWjA8aIwaWhpBYbxNMWyaC5uJH2/4RziU3YwZz"
    "ztXGjiN6/JFDMFsVN1naWKXKvEo0NIFsSx4/MVN93GMDJaZHTMDJm9wVbHmZ57N3eTqIK/VWVdJYMHPKHldBHxKU4Nrr/hqB78R9"
    "1D1/T/sYs++rRJSk7Ob1zhpSMaSh6eMsesCfaZOc+myUgQKBgQD0+CJZcpJ0Em1xaXRxk/y54ktJTfEygFjypyU/JnC/VGPRXQtF"
    "JenUHqmcmIsfR0giFie5VSCrH7JXhapJhoNpnVqySUh5Z/bN74tmvHOQbiqjm+FDJ3HXcI+vs0EKQFVWDkxEUlvF8LQ6tSjmjAcK"
    "BaVFgKFu6cr+HjON+pLH5QKBgQDX/n1sVna74Mi0VSqSBdPS/45wpJLSHehQoRNzC2snvyE7kLt4BgEx7anRfyAh4QY8O+jKZiqw"
    "UAhW+F6xVQDF4WS1QPcNQAJWlj9CoZZBFSlkeOvGIOMURzx+YQluIkboGQd33xtW1bYd54XqwYFHdBq3590Bfr8eVl07yITYTwKB"
    "gEVnqBO/qk7IicmAH0WusAPaYYo7UwMD6i+Vu6/QrFEJD97Zhb/ppf47UcLUVVZfU8iUjlysCb1yFY1GiaCbQ9BAjNnGeYosMnjW"
    "TaCl8/gPvnTsTT5BhreLZKpbFypYX9Up5+HTk7zZHbckbJolQjlMsC6o6xQJmUG2PNUVEVEhAoGAJGeqcCYqoQQEEBECudXtm/Si"
    "5211qaCM1XowswVLrElUqpt8XYB1lxq9sqfAnLU2vdRDKkoKC+mRXkdCfpUbKj8RIFOw0DTnr/xm8S4XCyUr8tlGtAA7BeHz2kE0"
    "u7FfTiNZ1ORv0TT4GxY4xhaTWZ3CGxkjcOsR/2UDFd54NZUCgYAzA0cmy2VA6ywWKkJ5kjYnkLEO6YpHVnSQE0mCtm5NPyASwA/x"
    "K3JzFNOm0wUBANss43Imy2DZNZKp0UQ044SPIWkm8KKyUwtHdoaiBSUu7XilI2/cE34mG2WomjDUpfQNfM48rmMgP3MlznBV83G5"
    "6ypKMmW+QwhmuUu1PLHXoA==";
constexpr std::string_view kMessage = "strongroom self-test";

Result<SecretBuffer> SecretFromHex(std::string_view hex) {
  SR_TRY(const Bytes bytes, FromHex(hex));
  return SecretBuffer::CopyOf(bytes);
}

Bytes Shown(const SecretBuffer& buffer) { return ToBytes(EvpKeyLoader::View(buffer)); }

template <typename Array>
Bytes ArrayBytes(const Array& array) {
  return Bytes(array.begin(), array.end());
}

Result<Bytes> TestSha256() { return ArrayBytes(Sha256(AsBytes("abc"))); }
Result<Bytes> TestSha384() { return ArrayBytes(Sha384(AsBytes("abc"))); }
Result<Bytes> TestSha512() { return ArrayBytes(Sha512(AsBytes("abc"))); }

Result<Bytes> TestHmac() {
  SR_TRY(const SecretBuffer key, SecretBuffer::CopyOf(AsBytes("Jefe")));
  return ArrayBytes(HmacSha256(key, {AsBytes("what do ya want "), AsBytes("for nothing?")}));
}

Result<Bytes> TestHkdf() {
  SR_TRY(const SecretBuffer input, SecretFromHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"));
  SR_TRY(const Bytes salt, FromHex("000102030405060708090a0b0c"));
  SR_TRY(const Bytes info, FromHex("f0f1f2f3f4f5f6f7f8f9"));
  SR_TRY(const SecretBuffer output, HkdfSha256(input, salt, info, 42));
  return Shown(output);
}

Result<Bytes> TestAesGcm() {
  SR_TRY(const SecretBuffer key, SecretBuffer::CopyOf(Bytes(32)));
  const Bytes iv(12);
  SR_TRY(const Bytes sealed, AesGcmEncrypt(key, {.iv = iv, .aad = {}}, Bytes(16)));
  SR_TRY(const SecretBuffer opened, AesGcmDecrypt(key, {.iv = iv, .aad = {}}, sealed));
  if (!opened.EqualsInConstantTime(Bytes(16))) return Bytes();
  return sealed;
}

Result<Bytes> TestKeyWrap() {
  SR_TRY(const SecretBuffer kek, SecretFromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  SR_TRY(const SecretBuffer key, SecretFromHex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"));
  SR_TRY(const Bytes wrapped, AesKeyWrap(kek, key));
  SR_TRY(const SecretBuffer unwrapped, AesKeyUnwrap(kek, wrapped));
  if (!unwrapped.EqualsInConstantTime(key)) return Bytes();
  return wrapped;
}

Result<Bytes> TestSeal() {
  SR_TRY(const SecretBuffer secret, SecretFromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  SR_TRY(Bytes sealed,
         FromHex("6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283e6cc643093aafaac72843be0b1428e007cd7"
                 "0cfadb80c912d6d91f"));
  SR_TRY(Bytes opened, OpenToBytes(secret, AsBytes("self-test"), AsBytes("aad"), sealed));
  sealed.back() ^= 1;
  if (OpenToBytes(secret, AsBytes("self-test"), AsBytes("aad"), sealed).ok()) return Bytes();
  SR_TRY(const Bytes fresh, Seal(secret, AsBytes("a"), AsBytes("b"), opened));
  SR_TRY(const Bytes again, OpenToBytes(secret, AsBytes("a"), AsBytes("b"), fresh));
  if (again != opened) return Bytes();
  return opened;
}

Result<Bytes> TestRsa() {
  SR_TRY(const SecretBuffer der, SecretBuffer::Produce(Base64DecodedMax(kRsaKey.size()),
                                                       [](auto room) { return FromBase64Into(kRsaKey, room); }));
  SR_TRY(const PrivateKey key, PrivateKey::FromPkcs8(der));
  SR_TRY(const Bytes signature, key.Sign(SignatureScheme::kPkcs1Sha256, MessageForm::kRaw, AsBytes(kMessage)));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kPkcs1Sha256, MessageForm::kRaw, AsBytes(kMessage), signature));
  Bytes changed = signature;
  changed[7] ^= 1;
  if (key.public_key().Verify(SignatureScheme::kPkcs1Sha256, MessageForm::kRaw, AsBytes(kMessage), changed).ok()) {
    return Bytes();
  }
  SR_TRY(const Bytes pss, key.Sign(SignatureScheme::kPssSha256, MessageForm::kRaw, AsBytes(kMessage)));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kPssSha256, MessageForm::kRaw, AsBytes(kMessage), pss));
  return ArrayBytes(Sha256(signature));
}

Result<Bytes> TestEcdsa() {
  // RFC 6979, A.2.5: P-256, SHA-256, message "sample".
  SR_TRY(const Bytes point, FromHex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  SR_TRY(Bytes signature, FromHex("3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                  "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"));
  SR_TRY(const PublicKey key, PublicKey::FromPoint(KeySpec::kP256, point));
  SR_CHECK(key.Verify(SignatureScheme::kEcdsaSha256, MessageForm::kRaw, AsBytes("sample"), signature));
  const bool other = key.Verify(SignatureScheme::kEcdsaSha256, MessageForm::kRaw, AsBytes("Sample"), signature).ok();
  return Bytes{static_cast<std::uint8_t>(other ? 0 : 1)};
}

Result<Bytes> TestEd25519() {
  // RFC 8032, 7.1, test 2.
  SR_TRY(const SecretBuffer der, SecretFromHex("302e020100300506032b657004220420"
                                               "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  SR_TRY(const PrivateKey key, PrivateKey::FromPkcs8(der));
  const Bytes message{0x72};
  SR_TRY(const Bytes signature, key.Sign(SignatureScheme::kEd25519, MessageForm::kRaw, message));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kEd25519, MessageForm::kRaw, message, signature));
  return signature;
}

Result<Bytes> TestScrypt() {
  SR_TRY(const SecretBuffer right, SecretBuffer::CopyOf(AsBytes("strongroom")));
  SR_TRY(const SecretBuffer wrong, SecretBuffer::CopyOf(AsBytes("strongroon")));
  constexpr std::string_view kEncoded =
      "scrypt$10$8$1$AAECAwQFBgcICQoLDA0ODw==$3E4mR4P4YanB8dkWTNPSYmDfRiwPqCXom7j246ycdkY=";
  SR_TRY(const bool yes, VerifyPassword(right, kEncoded));
  SR_TRY(const bool no, VerifyPassword(wrong, kEncoded));
  return Bytes{static_cast<std::uint8_t>(yes && !no ? 1 : 0)};
}

/// Repetition: no two of many 16-byte draws are the same (NIST SP 800-90B, 4.4.1, in spirit).
Result<Bytes> TestDrbg() {
  std::vector<std::array<std::uint8_t, 16>> draws(512);
  for (auto& draw : draws) SR_CHECK(Random(draw));
  std::ranges::sort(draws);
  const bool repeated = std::ranges::adjacent_find(draws) != draws.end();
  return Bytes{static_cast<std::uint8_t>(repeated ? 0 : 1)};
}

struct Row {
  SelfTest test;
  std::string_view name;
  Result<Bytes> (*run)();
  std::string_view want;
};
// Expected values: FIPS 180-4 examples; RFC 4231 case 2; RFC 5869 A.1; the GCM submission's case 14; RFC 3394 4.6.
constexpr Row kRows[] = {
    {SelfTest::kSha256, "SHA-256", TestSha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {SelfTest::kSha384, "SHA-384", TestSha384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {SelfTest::kSha512, "SHA-512", TestSha512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {SelfTest::kHmac, "HMAC-SHA-256", TestHmac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {SelfTest::kHkdf, "HKDF-SHA-256", TestHkdf,
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {SelfTest::kAesGcm, "AES-256-GCM", TestAesGcm, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {SelfTest::kAesKeyWrap, "AES key wrap", TestKeyWrap,
     "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
    {SelfTest::kSeal, "sealing", TestSeal, "7365616c65642074657874"},
    {SelfTest::kRsa, "RSA", TestRsa, "644fb8d1f66119424747f1e5cfaabdf786cd7b5c674bdeeb703fb2e2ada1b40d"},
    {SelfTest::kEcdsa, "ECDSA", TestEcdsa, "01"},
    {SelfTest::kEd25519, "Ed25519", TestEd25519,
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {SelfTest::kScrypt, "scrypt", TestScrypt, "01"},
    {SelfTest::kDrbg, "DRBG", TestDrbg, "01"},
};
constexpr bool OneRowPerTest() {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].test != static_cast<SelfTest>(i)) return false;
  }
  return std::size(kRows) == static_cast<std::size_t>(SelfTest::kCount_);
}
static_assert(OneRowPerTest(), "a SelfTest was added without its row");

}  // namespace

std::string_view Name(SelfTest test) noexcept {
  return test < SelfTest::kCount_ ? kRows[static_cast<std::size_t>(test)].name : "none";
}

Status RunSelfTests(SelfTest break_one) {
  for (const Row& row : kRows) {
    const auto failed = [&row] { return Error(Errc::kInternal, fmt::format("The self-test of {} failed.", row.name)); };
    SR_TRY(Bytes want, FromHex(row.want));
    if (row.test == break_one) want[0] ^= 1;
    const auto got = row.run();
    if (!got) return failed().WithDetail(got.error().ForLog());
    if (*got != want) return failed();
  }
  return {};
}

}  // namespace strongroom::crypto
