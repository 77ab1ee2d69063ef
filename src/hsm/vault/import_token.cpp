#include "hsm/vault/import_token.h"

#include <algorithm>
#include <array>

#include "crypto/key_import.h"
#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"

namespace strongroom::hsm {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'S', 'R', 'I', 1};
constexpr std::string_view kPurpose{"strongroom import v1\0", 21};
constexpr std::size_t kMaxTextBytes = 255;

Error Invalid() { return Error(Errc::kInvalidImportToken, "The import token is not valid for this key."); }

Bytes InfoOf(std::uint32_t generation) {
  Bytes info = ToBytes(AsBytes(kPurpose));
  replica::PutInteger(info, generation, 4);
  return info;
}

struct Head {
  std::uint32_t generation = 0;
  ImportTerms terms;
  std::size_t bytes = 0;
};
Result<Head> ReadHead(ByteView token) {
  if (token.size() > crypto::kMaxWrappedBytes) return Invalid();
  replica::ByteReader reader(token);
  const auto magic = reader.Take(kMagic.size());
  if (!magic || !std::ranges::equal(*magic, kMagic)) return Invalid();
  Head head;
  const auto generation = reader.Integer(4), valid_to = reader.Integer(8);
  if (!generation || !valid_to) return Invalid();
  head.generation = static_cast<std::uint32_t>(*generation);
  head.terms.valid_to_millis = static_cast<std::int64_t>(*valid_to);
  for (std::string* text : {&head.terms.account, &head.terms.key_id, &head.terms.region, &head.terms.algorithm,
                            &head.terms.wrapping_spec}) {
    const auto field = reader.Counted(1);
    if (!field) return Invalid();
    *text = AsText(*field);
  }
  head.bytes = reader.at();
  if (token.size() <= head.bytes + crypto::kSealOverheadBytes) return Invalid();
  return head;
}

}  // namespace

Result<Bytes> SealImportToken(const SecretBuffer& domain_key, std::uint32_t generation, const ImportTerms& terms,
                              const SecretBuffer& pkcs8) {
  Bytes token = ToBytes(kMagic);
  replica::PutInteger(token, generation, 4);
  replica::PutInteger(token, static_cast<std::uint64_t>(terms.valid_to_millis), 8);
  for (const std::string* text :
       {&terms.account, &terms.key_id, &terms.region, &terms.algorithm, &terms.wrapping_spec}) {
    if (text->size() > kMaxTextBytes) return Error(Errc::kInvalidArgument, "A name is too long.");
    replica::PutCounted(token, AsBytes(*text), 1);
  }
  SR_TRY(const Bytes sealed, crypto::SealSecret(domain_key, InfoOf(generation), token, pkcs8));
  Append(token, sealed);
  if (token.size() > crypto::kMaxWrappedBytes) return Error(Errc::kInvalidArgument, "The names are too long.");
  return token;
}

Result<std::uint32_t> ImportTokenGeneration(ByteView token) {
  SR_TRY(const Head head, ReadHead(token));
  return head.generation;
}

Result<OpenedImportToken> OpenImportToken(const SecretBuffer& domain_key, ByteView token) {
  SR_TRY(Head head, ReadHead(token));
  auto pkcs8 = crypto::Open(domain_key, InfoOf(head.generation), token.first(head.bytes), token.subspan(head.bytes));
  if (!pkcs8.ok()) {
    if (pkcs8.error().code() == Errc::kBadCiphertext) return Invalid();
    return std::move(pkcs8).error();
  }
  return OpenedImportToken{std::move(head.terms), std::move(*pkcs8)};
}

}  // namespace strongroom::hsm
