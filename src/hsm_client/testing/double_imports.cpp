#include <map>

#include "channel/testing/test_pki.h"
#include "crypto/key_import.h"
#include "crypto/seal.h"
#include "hsm_client/testing/double_token_keys.h"
#include "import.pb.h"
#include "wire/key_token.h"

namespace strongroom::hsm_client::testing {
namespace {
using channel::testing::Must;

constexpr std::string_view kImportInfo{"strongroom import v1\0", 21};
constexpr std::size_t kHead = 6;  // "SRI", 1, and how long the terms are

Error InvalidToken() { return Error(Errc::kInvalidImportToken, "The import token is not valid for this key."); }

/// One pair for all that ask, since making them takes long. Called with the cluster's mutex held.
const crypto::PrivateKey& PairOf(crypto::KeySpec spec) {
  static std::mutex mutex;
  static std::map<crypto::KeySpec, crypto::PrivateKey> pairs;
  const std::lock_guard lock(mutex);
  const auto known = pairs.find(spec);
  if (known != pairs.end()) return known->second;
  return pairs.emplace(spec, Must(crypto::PrivateKey::Generate(spec))).first->second;
}

Result<DoubleReply> MakeImportKey(DoubleCluster& cluster, const wire::Frame& frame) {
  proto::MakeImportKeyRequest request;
  SR_CHECK(wire::ParseMessage(frame, request));
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  const crypto::WrappingAlgorithm* algorithm = crypto::FindWrappingAlgorithm(request.wrapping_algorithm());
  const auto wrapping = crypto::FindWrappingSpec(request.wrapping_spec());
  if (spec == nullptr || algorithm == nullptr || !wrapping || !crypto::CanWrap(*spec, *algorithm, *wrapping))
    return Error(Errc::kUnsupported, "Such key material cannot be wrapped in this way.");
  const crypto::PrivateKey& pair = PairOf(*wrapping);
  const std::string terms = request.SerializeAsString();
  SR_TRY(const SecretBuffer pkcs8, pair.ToPkcs8());
  SR_TRY(const Bytes sealed, crypto::SealSecret(cluster.domain_key, AsBytes(kImportInfo), AsBytes(terms), pkcs8));
  Bytes token{'S', 'R', 'I', 1, static_cast<std::uint8_t>(terms.size() >> 8), static_cast<std::uint8_t>(terms.size())};
  Append(token, AsBytes(terms));
  Append(token, sealed);
  proto::MakeImportKeyReply reply;
  reply.set_import_token(std::string(AsText(token)));
  reply.set_public_key(std::string(AsText(pair.public_key().ToSpki())));
  return MakeReply(reply);
}

struct Opened {
  proto::MakeImportKeyRequest terms;
  SecretBuffer pkcs8;
};
Result<Opened> OpenToken(const DoubleCluster& cluster, ByteView token) {
  if (token.size() < kHead || AsText(token.first(3)) != "SRI") return InvalidToken();
  const std::size_t size = std::size_t{token[4]} << 8 | token[5];
  if (token.size() < kHead + size) return InvalidToken();
  const ByteView terms = token.subspan(kHead, size);
  auto pkcs8 = crypto::Open(cluster.domain_key, AsBytes(kImportInfo), terms, token.subspan(kHead + size));
  if (!pkcs8.ok()) return InvalidToken();
  Opened opened;
  if (!opened.terms.ParseFromArray(terms.data(), static_cast<int>(terms.size()))) return InvalidToken();
  opened.pkcs8 = std::move(*pkcs8);
  return opened;
}

Result<DoubleReply> ImportKey(DoubleCluster& cluster, const wire::Frame& frame) {
  proto::ImportKeyRequest request;
  SR_CHECK(wire::ParseMessage(frame, request));
  SR_TRY(const Opened token, OpenToken(cluster, AsBytes(request.import_token())));
  if (token.terms.account() != request.account() || token.terms.key_id() != request.key_id() ||
      token.terms.region() != request.region())
    return InvalidToken();
  if (request.now_millis() >= token.terms.valid_to_millis())
    return Error(Errc::kExpiredImportToken, "The import token has expired.");
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  if (spec == nullptr) return Error(Errc::kWrongKeyUsage, "There is no such spec.");
  SR_TRY(const crypto::PrivateKey wrapping_key,
         crypto::PrivateKey::FromPkcs8(token.pkcs8, crypto::KeyCheck::kParseOnly));
  const crypto::WrappingAlgorithm& algorithm = *crypto::FindWrappingAlgorithm(token.terms.wrapping_algorithm());
  SR_TRY(SecretBuffer unwrapped, crypto::Unwrap(algorithm, wrapping_key, AsBytes(request.wrapped())));
  SR_TRY(const crypto::ForeignMaterial read, crypto::ReadForeignMaterial(*spec, std::move(unwrapped)));
  proto::ImportKeyReply reply;
  reply.set_material_id(
      crypto::MaterialIdOf(cluster.domain_key, request.account(), request.key_id(), request.spec(), read));
  const std::string binding(AsText(wire::Encode(wire::KeyTokenBinding{
      request.account(), request.key_id(), reply.material_id(), request.spec(), request.usage()})));
  SR_TRY(*reply.mutable_token(), TokenOnDouble(cluster, spec->pair ? 2 : 1, read.material, binding));
  if (read.pair) reply.set_public_key(std::string(AsText(read.pair->public_key().ToSpki())));
  return MakeReply(reply);
}

}  // namespace

Result<DoubleReply> ExecuteImportCommand(DoubleCluster& cluster, wire::Command command, const wire::Frame& frame) {
  return command == wire::Command::kMakeImportKey ? MakeImportKey(cluster, frame) : ImportKey(cluster, frame);
}

}  // namespace strongroom::hsm_client::testing
