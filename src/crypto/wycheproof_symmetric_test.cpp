#include "crypto/aes_gcm.h"
#include "crypto/aes_kw.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/internal/wycheproof_for_tests.h"

namespace strongroom::crypto {
namespace {

using namespace wycheproof;

TEST(WycheproofAesGcm, EveryCase) {
  ForEach("aes_gcm_test", [](const auto& group, const auto& test, const std::string& want) {
    const SecretBuffer key = HexedSecret(test, "key");
    const Bytes iv = Hexed(test, "iv"), aad = Hexed(test, "aad"), message = Hexed(test, "msg");
    Bytes sealed = Hexed(test, "ct");
    Append(sealed, Hexed(test, "tag"));
    const GcmParams params{.iv = iv, .aad = aad};
    const auto opened = AesGcmDecrypt(key, params, sealed);
    const std::int64_t iv_bits = group.at("ivSize").as_int64();
    if (iv_bits == 0 || iv_bits > 1024) {
      ASSERT_FALSE(opened.ok());
      EXPECT_EQ(opened.error().code(), Errc::kInvalidArgument);
    } else if (want == "valid") {
      ASSERT_TRUE(opened.ok()) << opened.error();
      EXPECT_EQ(Shown(*opened), message);
      const auto again = AesGcmEncrypt(key, params, message);
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(*again, sealed);
    } else {
      ASSERT_FALSE(opened.ok());
      EXPECT_EQ(opened.error().code(), Errc::kBadCiphertext);
    }
  });
}

template <typename Wrap, typename Unwrap>
void KeyWrapFile(const std::string& file, Wrap wrap, Unwrap unwrap) {
  ForEach(file, [&](const auto&, const auto& test, const std::string& want) {
    const SecretBuffer wrapping_key = HexedSecret(test, "key"), message = HexedSecret(test, "msg");
    const Bytes wrapped = Hexed(test, "ct");
    const auto unwrapped = unwrap(wrapping_key, wrapped);
    if (want == "valid") {
      ASSERT_TRUE(unwrapped.ok()) << unwrapped.error();
      EXPECT_EQ(Shown(*unwrapped), Shown(message));
      const auto again = wrap(wrapping_key, message);
      ASSERT_TRUE(again.ok()) << again.error();
      EXPECT_EQ(*again, wrapped);
    } else if (want == "invalid") {
      ASSERT_FALSE(unwrapped.ok());
      EXPECT_EQ(unwrapped.error().code(), Errc::kBadCiphertext);
    } else if (unwrapped.ok()) {
      EXPECT_EQ(Shown(*unwrapped), Shown(message));
    }
  });
}
TEST(WycheproofKeyWrap, EveryCase) { KeyWrapFile("aes_wrap_test", AesKeyWrap, AesKeyUnwrap); }
TEST(WycheproofKeyWrapPadded, EveryCase) { KeyWrapFile("aes_kwp_test", AesKeyWrapPadded, AesKeyUnwrapPadded); }

TEST(WycheproofHkdf, EveryCase) {
  ForEach("hkdf_sha256_test", [](const auto&, const auto& test, const std::string& want) {
    const auto size = static_cast<std::size_t>(test.at("size").as_int64());
    const auto output = HkdfSha256(HexedSecret(test, "ikm"), Hexed(test, "salt"), Hexed(test, "info"), size);
    ASSERT_EQ(output.ok(), want == "valid");
    if (output.ok()) {
      EXPECT_EQ(Shown(*output), Hexed(test, "okm"));
    } else {
      EXPECT_EQ(output.error().code(), Errc::kInvalidArgument);
    }
  });
}

struct HmacFile {
  std::string name;
  Digest digest;
};
class WycheproofHmac : public ::testing::TestWithParam<HmacFile> {};
TEST_P(WycheproofHmac, EveryCase) {
  ForEach(GetParam().name + "_test", [](const auto& group, const auto& test, const std::string& want) {
    Bytes mac = Hmac(GetParam().digest, HexedSecret(test, "key"), {Hexed(test, "msg")});
    mac.resize(static_cast<std::size_t>(group.at("tagSize").as_int64()) / 8);
    EXPECT_EQ(ConstantTimeEqual(mac, Hexed(test, "tag")), want == "valid");
  });
}
INSTANTIATE_TEST_SUITE_P(Crypto, WycheproofHmac,
                         ::testing::Values(HmacFile{"hmac_sha1", Digest::kSha1},
                                           HmacFile{"hmac_sha224", Digest::kSha224},
                                           HmacFile{"hmac_sha256", Digest::kSha256},
                                           HmacFile{"hmac_sha384", Digest::kSha384},
                                           HmacFile{"hmac_sha512", Digest::kSha512}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::crypto
