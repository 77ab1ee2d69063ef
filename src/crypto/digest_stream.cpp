#include "crypto/digest_stream.h"

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {

struct DigestStream::Impl {
  Digest digest;
  EvpMdCtx context{::EVP_MD_CTX_new()};
  void Start() {
    if (!context || ::EVP_DigestInit_ex2(context.get(), Md(digest), nullptr) != 1) Broken("start a hash");
  }
};

DigestStream::DigestStream(Digest digest) : impl_(std::make_unique<Impl>(digest)) { impl_->Start(); }
DigestStream::DigestStream(DigestStream&&) noexcept = default;
DigestStream& DigestStream::operator=(DigestStream&&) noexcept = default;
DigestStream::~DigestStream() = default;

void DigestStream::Update(ByteView data) {
  if (::EVP_DigestUpdate(impl_->context.get(), data.data(), data.size()) != 1) Broken("hash");
}

Bytes DigestStream::Finish() {
  Bytes out(DigestSize(impl_->digest));
  unsigned size = 0;
  if (::EVP_DigestFinal_ex(impl_->context.get(), out.data(), &size) != 1 || size != out.size()) Broken("finish a hash");
  impl_->Start();
  return out;
}

}  // namespace strongroom::crypto
