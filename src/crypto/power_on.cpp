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
constexpr std::string_view kOaepCiphertext =
    "S2Pk5Fn9WYp2ztKcn75AFcXwsFBceAk0B4GN5qENnysASh/ncMRpLOvgvxfPGmDlt9yqYeOkQWjVEXQIJzdzNXuch+lkTcjZrpUY"
    "A7MsnLDRVASlJCk7ykQAyx5jIoj4uMhq5ZFOTkf79AaIEOrpmePW3AzXr5A8rkr2W7PxR8o8kpSH8aUPpVD3oML3vFgmy3iYIZfB"
    "1dyUe0bIBciahwS7/AMhyXfJ+d9EqytBnVoQjVWDFAi+q0Z49JFLANjNOF449ciVGIdBVpEXdnhSMzSG5M2iICXC+DcairbcuNA1"
    "T1wgYn4hMpRWUWvC4CrS8wGpV2tA7p8l1alb6B9msw==";
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

/// RFC 4231, test case 2, under the other digests: one digest over all three.
Result<Bytes> TestHmacOthers() {
  SR_TRY(const SecretBuffer key, SecretBuffer::CopyOf(AsBytes("Jefe")));
  Bytes all;
  for (const Digest digest : {Digest::kSha224, Digest::kSha384, Digest::kSha512}) {
    Append(all, Hmac(digest, key, {AsBytes("what do ya want for nothing?")}));
  }
  return ArrayBytes(Sha256(all));
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

Result<PrivateKey> RsaKey() {
  SR_TRY(const SecretBuffer der, SecretBuffer::Produce(Base64DecodedMax(kRsaKey.size()),
                                                       [](auto room) { return FromBase64Into(kRsaKey, room); }));
  return PrivateKey::FromPkcs8(der, KeyCheck::kParseOnly);
}

Result<Bytes> TestRsa() {
  SR_TRY(const PrivateKey key, RsaKey());
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

/// What `openssl pkeyutl -encrypt` made of the message with SHA-256, and a round trip with SHA-1.
Result<Bytes> TestOaep() {
  SR_TRY(const PrivateKey key, RsaKey());
  SR_TRY(const SecretBuffer text, SecretBuffer::CopyOf(AsBytes(kMessage)));
  SR_TRY(const Bytes sealed, key.public_key().EncryptOaep(OaepHash::kSha1, {}, text));
  SR_TRY(const SecretBuffer again, key.DecryptOaep(OaepHash::kSha1, {}, sealed));
  if (!again.EqualsInConstantTime(text) || key.DecryptOaep(OaepHash::kSha256, {}, sealed).ok()) return Bytes();
  SR_TRY(const Bytes theirs, FromBase64(kOaepCiphertext));
  SR_TRY(const SecretBuffer opened, key.DecryptOaep(OaepHash::kSha256, {}, theirs));
  return Shown(opened);
}

/// RFC 5903, 8.1: the shared x coordinate on P-256.
Result<Bytes> TestEcdh() {
  SR_TRY(const SecretBuffer der,
         SecretFromHex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
                       "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433a14403420004"
                       "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
                       "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"));
  SR_TRY(const Bytes peer, FromHex("04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
                                   "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"));
  SR_TRY(const PrivateKey key, PrivateKey::FromPkcs8(der));
  SR_TRY(const PublicKey other, PublicKey::FromPoint(KeySpec::kP256, peer));
  SR_TRY(const SecretBuffer shared, key.Agree(other));
  return Shown(shared);
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

/// RFC 8032, 7.3.
Result<Bytes> TestEd25519Ph() {
  SR_TRY(const SecretBuffer der, SecretFromHex("302e020100300506032b657004220420"
                                               "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"));
  SR_TRY(const PrivateKey key, PrivateKey::FromPkcs8(der));
  SR_TRY(const Bytes signature, key.Sign(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abc")));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abc"), signature));
  return signature;
}

/// GM/T 0003.5: the signature verifies, the ciphertext opens. An OpenSSL without SM2 makes no such key either.
Result<Bytes> TestSm2() {
  constexpr std::string_view kWant = "encryption standard";
  if (!Available(KeySpec::kSm2)) return ToBytes(AsBytes(kWant));
  SR_TRY(const SecretBuffer der,
         SecretFromHex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420"
                       "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8a14403420004"
                       "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
                       "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"));
  SR_TRY(const Bytes signature, FromHex("3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
                                        "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"));
  SR_TRY(const Bytes sealed, FromHex("307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
                                     "022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
                                     "042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
                                     "041321886ca989ca9c7d58087307ca93092d651efa"));
  SR_TRY(const PrivateKey key, PrivateKey::FromPkcs8(der));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kSm2Dsa, MessageForm::kRaw, AsBytes("message digest"), signature));
  SR_TRY(const SecretBuffer opened, key.DecryptSm2(sealed));
  return Shown(opened);
}

/// A fresh pair agrees with itself and not with a changed signature, where OpenSSL has ML-DSA.
Result<Bytes> TestMlDsa() {
  if (!Available(KeySpec::kMlDsa44)) return Bytes{1};
  SR_TRY(const PrivateKey key, PrivateKey::Generate(KeySpec::kMlDsa44));
  SR_TRY(Bytes signature, key.Sign(SignatureScheme::kMlDsa, MessageForm::kRaw, AsBytes(kMessage)));
  SR_CHECK(key.public_key().Verify(SignatureScheme::kMlDsa, MessageForm::kRaw, AsBytes(kMessage), signature));
  signature[9] ^= 1;
  const bool wrong =
      key.public_key().Verify(SignatureScheme::kMlDsa, MessageForm::kRaw, AsBytes(kMessage), signature).ok();
  return Bytes{static_cast<std::uint8_t>(wrong ? 0 : 1)};
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
    {SelfTest::kHmacOthers, "HMAC-SHA-224, 384, 512", TestHmacOthers,
     "c07697b0d5bf2c1d047ce9d40c32587d92c9d6bfa747c65ea7d0500803c92726"},
    {SelfTest::kHkdf, "HKDF-SHA-256", TestHkdf,
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {SelfTest::kAesGcm, "AES-256-GCM", TestAesGcm, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {SelfTest::kAesKeyWrap, "AES key wrap", TestKeyWrap,
     "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
    {SelfTest::kSeal, "sealing", TestSeal, "7365616c65642074657874"},
    {SelfTest::kRsa, "RSA", TestRsa, "644fb8d1f66119424747f1e5cfaabdf786cd7b5c674bdeeb703fb2e2ada1b40d"},
    {SelfTest::kEcdsa, "ECDSA", TestEcdsa, "01"},
    {SelfTest::kOaep, "RSA-OAEP", TestOaep, "7374726f6e67726f6f6d2073656c662d74657374"},
    {SelfTest::kEcdh, "ECDH", TestEcdh, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {SelfTest::kEd25519, "Ed25519", TestEd25519,
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {SelfTest::kEd25519Ph, "Ed25519ph", TestEd25519Ph,
     "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
     "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"},
    {SelfTest::kSm2, "SM2", TestSm2, "656e6372797074696f6e207374616e64617264"},
    {SelfTest::kMlDsa, "ML-DSA", TestMlDsa, "01"},
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
