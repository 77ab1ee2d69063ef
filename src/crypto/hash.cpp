#include "crypto/hash.h"

#include <openssl/crypto.h>

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

/// One kept context per thread and digest: starting it anew with the same digest allocates nothing.
EVP_MD_CTX* ThisThreadsContext(Digest digest) {
  thread_local std::array<EvpMdCtx, 5> contexts;
  EvpMdCtx& context = contexts[static_cast<std::size_t>(digest)];
  if (!context) {
    context.reset(::EVP_MD_CTX_new());
    if (!context) Broken("make a digest context");
  }
  return context.get();
}

void HashInto(Digest digest, std::initializer_list<ByteView> parts, std::uint8_t* out) {
  EVP_MD_CTX* context = ThisThreadsContext(digest);
  bool good = ::EVP_DigestInit_ex2(context, Md(digest), nullptr) == 1;
  for (const ByteView part : parts) good = good && ::EVP_DigestUpdate(context, part.data(), part.size()) == 1;
  unsigned size = 0;
  good = good && ::EVP_DigestFinal_ex(context, out, &size) == 1 && size == DigestSize(digest);
  if (!good) Broken("hash");
}

/// The digest is chosen once per context; only the key changes from use to use.
EVP_MAC_CTX* ThisThreadsMac(Digest digest) {
  thread_local std::array<EvpMacCtx, 5> contexts;
  EvpMacCtx& context = contexts[static_cast<std::size_t>(digest)];
  if (!context) {
    context.reset(::EVP_MAC_CTX_new(Fetched().hmac));
    std::string name = ::EVP_MD_get0_name(Md(digest));
    const OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                                 ::OSSL_PARAM_construct_end()};
    if (!context || ::EVP_MAC_CTX_set_params(context.get(), params) != 1) Broken("make an HMAC context");
  }
  return context.get();
}

void HmacInto(Digest digest, ByteView key, std::initializer_list<ByteView> parts, std::uint8_t* out) {
  static constexpr std::uint8_t kNoKey = 0;  // null would mean "the key of last time"
  EVP_MAC_CTX* context = ThisThreadsMac(digest);
  bool good = ::EVP_MAC_init(context, key.empty() ? &kNoKey : key.data(), key.size(), nullptr) == 1;
  for (const ByteView part : parts) good = good && ::EVP_MAC_update(context, part.data(), part.size()) == 1;
  std::size_t size = 0;
  good = good && ::EVP_MAC_final(context, out, &size, DigestSize(digest)) == 1 && size == DigestSize(digest);
  if (!good) Broken("compute an HMAC");
}

template <typename Array>
Array HashTo(Digest digest, std::initializer_list<ByteView> parts) {
  Array out;
  HashInto(digest, parts, out.data());
  return out;
}

}  // namespace

std::size_t DigestSize(Digest digest) noexcept {
  switch (digest) {
    case Digest::kSha1: return 20;
    case Digest::kSha224: return 28;
    case Digest::kSha256: return 32;
    case Digest::kSha384: return 48;
    case Digest::kSha512: return 64;
  }
  return 0;
}

Sha256Digest Sha256(std::initializer_list<ByteView> parts) { return HashTo<Sha256Digest>(Digest::kSha256, parts); }
Sha384Digest Sha384(std::initializer_list<ByteView> parts) { return HashTo<Sha384Digest>(Digest::kSha384, parts); }
Sha512Digest Sha512(std::initializer_list<ByteView> parts) { return HashTo<Sha512Digest>(Digest::kSha512, parts); }

Bytes Hash(Digest digest, std::initializer_list<ByteView> parts) {
  Bytes out(DigestSize(digest));
  HashInto(digest, parts, out.data());
  return out;
}

struct Sha256Stream::Impl {
  EvpMdCtx context{::EVP_MD_CTX_new()};
  void Start() {
    if (!context || ::EVP_DigestInit_ex2(context.get(), Md(Digest::kSha256), nullptr) != 1) Broken("start a hash");
  }
};
Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) { impl_->Start(); }
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::Update(ByteView data) {
  if (::EVP_DigestUpdate(impl_->context.get(), data.data(), data.size()) != 1) Broken("hash");
}
Sha256Digest Sha256Stream::Finish() {
  Sha256Digest out;
  unsigned size = 0;
  if (::EVP_DigestFinal_ex(impl_->context.get(), out.data(), &size) != 1 || size != out.size()) Broken("finish a hash");
  impl_->Start();
  return out;
}

void HmacSha256Raw(ByteView key, std::initializer_list<ByteView> parts, std::span<std::uint8_t, 32> out) {
  HmacInto(Digest::kSha256, key, parts, out.data());
}

Sha256Digest HmacSha256(const SecretBuffer& key, std::initializer_list<ByteView> parts) {
  Sha256Digest out;
  HmacInto(Digest::kSha256, EvpKeyLoader::View(key), parts, out.data());
  return out;
}

Bytes Hmac(Digest digest, const SecretBuffer& key, std::initializer_list<ByteView> parts) {
  Bytes out(DigestSize(digest));
  HmacInto(digest, EvpKeyLoader::View(key), parts, out.data());
  return out;
}

Bytes Hmac(Digest digest, const SecretBuffer& key, const SecretBuffer& message) {
  return Hmac(digest, key, {EvpKeyLoader::View(message)});
}

bool ConstantTimeEqual(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && (a.empty() || ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace strongroom::crypto
