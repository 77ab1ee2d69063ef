#include "hsm/vault/vault.h"

#include <gtest/gtest.h>

#include <thread>

#include "crypto/random.h"
#include "hsm/vault/key_pair_pool.h"
#include "hsm/vault/material.h"
#include "secret/peek_for_tests.h"

namespace strongroom::hsm {
namespace {

Bytes BindingOf(std::string_view spec = "SYMMETRIC_DEFAULT", std::string_view usage = "ENCRYPT_DECRYPT",
                std::string_view key_id = "key-1") {
  Bytes out{1};
  for (const std::string_view field :
       {std::string_view("111122223333"), key_id, std::string_view("material"), spec, usage}) {
    out.push_back(static_cast<std::uint8_t>(field.size()));
    Append(out, AsBytes(field));
  }
  return out;
}

SecretBuffer Fresh(std::size_t size = 32) { return std::move(*crypto::RandomSecret(size)); }

TEST(Binding, IsReadFieldByField) {
  const Bytes bytes = BindingOf();
  const auto binding = ReadBinding(bytes);
  ASSERT_TRUE(binding.ok());
  EXPECT_EQ(binding->account, "111122223333");
  EXPECT_EQ(binding->key_id, "key-1");
  EXPECT_EQ(binding->material_id, "material");
  EXPECT_EQ(binding->spec, "SYMMETRIC_DEFAULT");
  EXPECT_EQ(binding->usage, "ENCRYPT_DECRYPT");
}
TEST(Binding, EveryShorterOrLongerFormIsRefused) {
  Bytes bytes = BindingOf();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(ReadBinding(ByteView(bytes).first(size)).ok()) << size;
  bytes.push_back(0);
  EXPECT_FALSE(ReadBinding(bytes).ok());
  bytes = BindingOf();
  bytes[0] = 2;
  EXPECT_FALSE(ReadBinding(bytes).ok());
}

TEST(Token, OpensWithItsKeyGenerationAndBindingOnly) {
  const SecretBuffer domain = Fresh();
  const SecretBuffer material = Fresh();
  const auto token = SealToken(domain, 7, BindingOf(), MaterialKind::kSymmetric, material);
  ASSERT_TRUE(token.ok());
  const auto opened = OpenToken(domain, 7, BindingOf(), *token);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->material.EqualsInConstantTime(material));
  EXPECT_EQ(opened->kind, MaterialKind::kSymmetric);
  EXPECT_EQ(*TokenGeneration(*token), 7u);

  EXPECT_EQ(OpenToken(Fresh(), 7, BindingOf(), *token).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(OpenToken(domain, 8, BindingOf(), *token).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(OpenToken(domain, 7, BindingOf("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "key-2"), *token).error().code(),
            Errc::kBadCiphertext);
}
TEST(Token, EveryChangedByteAndEveryShorterFormIsRefused) {
  const SecretBuffer domain = Fresh();
  const auto token = SealToken(domain, 1, BindingOf(), MaterialKind::kSymmetric, Fresh());
  ASSERT_TRUE(token.ok());
  for (std::size_t at = 0; at < token->size(); ++at) {
    Bytes changed = *token;
    changed[at] ^= 1;
    EXPECT_EQ(OpenToken(domain, 1, BindingOf(), changed).error().code(), Errc::kBadCiphertext) << at;
    EXPECT_FALSE(OpenToken(domain, 1, BindingOf(), ByteView(*token).first(at)).ok()) << at;
  }
  EXPECT_FALSE(TokenGeneration(Bytes(kMaxTokenBytes + 1)).ok());
}

struct CheckValueRow {
  std::string name;
  std::size_t bytes;
  std::string want;  // of an all-zero key; known from AES itself (FIPS 197 with zero key and zero block)
};
class CheckValues : public ::testing::TestWithParam<CheckValueRow> {};
TEST_P(CheckValues, AreTheFirstBytesOfAnEncryptedZeroBlock) {
  auto key = SecretBuffer::CopyOf(Bytes(GetParam().bytes));
  const auto value = VaultMaterial::AesCheckValue(*key);
  ASSERT_EQ(value.ok(), !GetParam().want.empty());
  if (value.ok()) {
    EXPECT_EQ(Hex(*value), GetParam().want);
  }
}
INSTANTIATE_TEST_SUITE_P(Vault, CheckValues,
                         ::testing::Values(CheckValueRow{"Aes128", 16, "66e94b"}, CheckValueRow{"Aes192", 24, "aae069"},
                                           CheckValueRow{"Aes256", 32, "dc95c0"}, CheckValueRow{"NoSuchSize", 20, ""},
                                           CheckValueRow{"Empty", 0, ""}),
                         [](const auto& info) { return info.param.name; });

OpenedToken Opened() {
  OpenedToken opened;
  opened.material = Fresh();
  return opened;
}

TEST(TokenCache, FindsByTokenAndWholeBinding) {
  TokenCache cache(4);
  const auto token = SealToken(Fresh(), 1, BindingOf(), MaterialKind::kSymmetric, Fresh());
  cache.Put(*token, BindingOf(), Opened());
  EXPECT_NE(cache.Find(*token, BindingOf()), nullptr);
  EXPECT_EQ(cache.Find(*token, BindingOf("HMAC_256")), nullptr);
  EXPECT_EQ(cache.Find(*token, {}), nullptr);
}
TEST(TokenCache, PushesOutTheLeastRecentlyUsed) {
  TokenCache cache(3);
  std::vector<Bytes> tokens;
  for (int i = 0; i < 4; ++i) tokens.push_back(*SealToken(Fresh(), 1, BindingOf(), MaterialKind::kSymmetric, Fresh()));
  for (int i = 0; i < 3; ++i) cache.Put(tokens[i], BindingOf(), Opened());
  EXPECT_NE(cache.Find(tokens[0], BindingOf()), nullptr);
  cache.Put(tokens[3], BindingOf(), Opened());
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_NE(cache.Find(tokens[0], BindingOf()), nullptr);
  EXPECT_EQ(cache.Find(tokens[1], BindingOf()), nullptr);
  EXPECT_NE(cache.Find(tokens[2], BindingOf()), nullptr);
  EXPECT_NE(cache.Find(tokens[3], BindingOf()), nullptr);
}
TEST(TokenCache, DropsAGenerationThatIsGone) {
  TokenCache cache(8);
  const auto old = SealToken(Fresh(), 1, BindingOf(), MaterialKind::kSymmetric, Fresh());
  const auto young = SealToken(Fresh(), 2, BindingOf(), MaterialKind::kSymmetric, Fresh());
  cache.Put(*old, BindingOf(), Opened());
  cache.Put(*young, BindingOf(), Opened());
  cache.DropGeneration(1);
  EXPECT_EQ(cache.Find(*old, BindingOf()), nullptr);
  EXPECT_NE(cache.Find(*young, BindingOf()), nullptr);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(Messages, OpenOnlyWithTheirKeyHeaderAndContext) {
  Vault vault;
  const SecretBuffer key = Fresh();
  auto plaintext = SecretBuffer::CopyOf(AsBytes("attack at dawn"));
  std::string sealed;
  ASSERT_TRUE(vault.Seal(key, "header", "context", *plaintext, sealed).ok());
  EXPECT_EQ(sealed.size(), 14u + 48u);
  const auto opened = vault.Open(key, "header", "context", sealed);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->EqualsInConstantTime(*plaintext));
  EXPECT_EQ(vault.Open(Fresh(), "header", "context", sealed).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(vault.Open(key, "headex", "context", sealed).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(vault.Open(key, "header", "contexT", sealed).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(vault.Open(key, "header", "context", "").error().code(), Errc::kBadCiphertext);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 0x80);
    EXPECT_EQ(vault.Open(key, "header", "context", changed).error().code(), Errc::kBadCiphertext) << at;
  }
}
TEST(Messages, SizesAreBounded) {
  Vault vault;
  const SecretBuffer key = Fresh();
  std::string sealed;
  EXPECT_EQ(vault.Seal(key, "h", "", SecretBuffer(), sealed).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(vault.Seal(key, "h", "", Fresh(kMaxMessageBytes + 1), sealed).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(vault.Seal(key, "h", "", Fresh(kMaxMessageBytes), sealed).ok());
  EXPECT_EQ(vault.Seal(key, "", "", Fresh(), sealed).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(vault.Seal(key, std::string(kMaxHeaderBytes + 1, 'h'), "", Fresh(), sealed).error().code(),
            Errc::kInvalidArgument);
}

TEST(KeyPairPool, KeepsAStockAndHandsEachPairOutOnce) {
  KeyPairPool pool(
      {.rsa2048 = 3, .rsa3072 = 0, .rsa4096 = 0},
      [](crypto::KeySpec) { return crypto::PrivateKey::Generate(crypto::KeySpec::kP256); },
      std::chrono::milliseconds(1));
  EXPECT_FALSE(pool.Take(crypto::KeySpec::kRsa2048).has_value());  // nothing is made before somebody asks
  std::vector<Bytes> seen;
  while (seen.size() < 10) {
    if (auto pair = pool.Take(crypto::KeySpec::kRsa2048))
      seen.push_back(pair->public_key().ToSpki());
    else
      std::this_thread::yield();
    EXPECT_LE(pool.InStock(crypto::KeySpec::kRsa2048), 3u);
  }
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
  EXPECT_FALSE(pool.Take(crypto::KeySpec::kP256).has_value());
}
TEST(KeyPairPool, FillsOnceTheCommandsCease) {
  KeyPairPool pool(
      {.rsa2048 = 1, .rsa3072 = 0, .rsa4096 = 0},
      [](crypto::KeySpec) { return crypto::PrivateKey::Generate(crypto::KeySpec::kP256); },
      std::chrono::milliseconds(20));
  for (int i = 0; i < 1000; ++i) pool.NoteCommand();
  pool.FillAll();
  for (int i = 0; i < 1000; ++i) pool.NoteCommand();
  while (pool.InStock(crypto::KeySpec::kRsa2048) == 0) std::this_thread::yield();
}
TEST(KeyPairPool, StopsWhileCommandsKeepComing) {
  KeyPairPool pool(
      {.rsa2048 = 1, .rsa3072 = 0, .rsa4096 = 0},
      [](crypto::KeySpec) { return crypto::PrivateKey::Generate(crypto::KeySpec::kP256); }, std::chrono::hours(1));
  pool.FillAll();
  pool.Stop();
  EXPECT_EQ(pool.InStock(crypto::KeySpec::kRsa2048), 0u);
}
TEST(KeyPairPool, StopsWhileEmptyAndAfterAFailure) {
  KeyPairPool pool({.rsa2048 = 1, .rsa3072 = 1, .rsa4096 = 1},
                   [](crypto::KeySpec) -> Result<crypto::PrivateKey> { return Error(Errc::kInternal, "no luck"); });
  pool.FillAll();
  pool.Stop();
  EXPECT_EQ(pool.InStock(crypto::KeySpec::kRsa2048), 0u);
}

}  // namespace
}  // namespace strongroom::hsm
