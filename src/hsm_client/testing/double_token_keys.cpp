#include "hsm_client/testing/double_token_keys.h"

#include "crypto/kms_algorithms.h"
#include "token_keys.pb.h"

namespace strongroom::hsm_client::testing {
namespace {

using crypto::KmsUsage;

/// Spec and usage: the last two fields of a binding (docs/formats.md 5).
std::pair<std::string, std::string> BoundTo(const std::string& binding) {
  std::vector<std::string> fields;
  for (std::size_t at = 1; at < binding.size(); at += 1u + static_cast<unsigned char>(binding[at]))
    fields.push_back(binding.substr(at + 1, static_cast<unsigned char>(binding[at])));
  return fields.size() == 5 ? std::pair{fields[3], fields[4]} : std::pair<std::string, std::string>();
}

Error WrongUse() { return Error(Errc::kWrongKeyUsage, "The key is not one for this."); }

/// A request's key, with the algorithm it is asked for.
struct Asked {
  const crypto::KmsSpec* spec = nullptr;
  const crypto::KmsAlgorithm* algorithm = nullptr;
  std::optional<crypto::PrivateKey> pair;
  SecretBuffer secret;
};
Result<Asked> Open(DoubleCluster& cluster, const DoubleSession& session, const proto::KeyRef& key, KmsUsage usage,
                   const std::string& algorithm) {
  const auto [spec, bound] = BoundTo(key.binding());
  Asked asked;
  asked.spec = crypto::FindKmsSpec(spec);
  asked.algorithm = crypto::FindKmsAlgorithm(algorithm);
  if (asked.spec == nullptr || bound != Name(usage)) return WrongUse();
  if (!algorithm.empty() && (asked.algorithm == nullptr || !asked.spec->Has(*asked.algorithm))) return WrongUse();
  SR_TRY(asked.secret, MaterialOnDouble(cluster, session, key, asked.spec->pair ? 2 : 1));
  if (asked.spec->pair) {
    SR_TRY(asked.pair, crypto::PrivateKey::FromPkcs8(asked.secret, crypto::KeyCheck::kParseOnly));
  }
  return asked;
}

template <typename Request>
Result<Request> Parse(const wire::Frame& frame) {
  Request request;
  SR_CHECK(wire::ParseMessage(frame, request));
  return request;
}
std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }
std::vector<SecretBuffer> Segment(SecretBuffer secret) {
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(secret));
  return segments;
}

Result<Bytes> Encrypt(const Asked& key, const SecretBuffer& plaintext) {
  if (!key.pair) return WrongUse();
  SR_CHECK(RequirePlaintextSize(*key.spec, *key.algorithm, plaintext.size()));
  const crypto::PublicKey& known = key.pair->public_key();
  return key.algorithm->oaep ? known.EncryptOaep(*key.algorithm->oaep, {}, plaintext) : known.EncryptSm2(plaintext);
}
Result<SecretBuffer> Decrypt(const Asked& key, const std::string& sealed) {
  if (!key.pair) return WrongUse();
  return key.algorithm->oaep ? key.pair->DecryptOaep(*key.algorithm->oaep, {}, AsBytes(sealed))
                             : key.pair->DecryptSm2(AsBytes(sealed));
}

Result<DoubleReply> ReSeal(DoubleCluster& cluster, const DoubleSession& session, const wire::Frame& frame) {
  SR_TRY(const auto request, Parse<proto::ReSealRequest>(frame));
  const proto::ReSealSide &from = request.source(), &to = request.destination();
  SecretBuffer plaintext;
  if (from.algorithm() == "SYMMETRIC_DEFAULT") {
    SR_TRY(const SecretBuffer key, MaterialOnDouble(cluster, session, from.key(), 1));
    SR_TRY(plaintext, OpenOnDouble(key, from.header(), from.context(), request.sealed()));
  } else {
    SR_TRY(const Asked key, Open(cluster, session, from.key(), KmsUsage::kEncryptDecrypt, from.algorithm()));
    SR_TRY(plaintext, Decrypt(key, request.sealed()));
  }
  Bytes sealed;
  if (to.algorithm() == "SYMMETRIC_DEFAULT") {
    SR_TRY(const SecretBuffer key, MaterialOnDouble(cluster, session, to.key(), 1));
    SR_TRY(sealed, SealOnDouble(key, to.header(), to.context(), plaintext));
  } else {
    SR_TRY(const Asked key, Open(cluster, session, to.key(), KmsUsage::kEncryptDecrypt, to.algorithm()));
    SR_TRY(sealed, Encrypt(key, plaintext));
  }
  proto::ReSealReply reply;
  reply.set_sealed(Text(sealed));
  return MakeReply(reply);
}

}  // namespace

Result<DoubleReply> ExecuteTokenKeyCommand(DoubleCluster& cluster, DoubleSession& session, wire::Command command,
                                           wire::Frame& frame) {
  const bool has_segment = frame.segments.size() == 1;
  const auto missing = [] { return Error(Errc::kInvalidArgument, "The command needs one secret field."); };
  switch (command) {
    case wire::Command::kSign:
    case wire::Command::kVerify: {
      // The two requests differ in the signature, which Sign's parser skips.
      SR_TRY(const auto request, Parse<proto::VerifyRequest>(frame));
      if (!has_segment) return missing();
      SR_TRY(const Asked key, Open(cluster, session, request.key(), KmsUsage::kSignVerify, request.algorithm()));
      const auto form = crypto::FindMessageForm(request.message_type());
      if (!form) return Error(Errc::kInvalidArgument, "There is no such message type.");
      SR_TRY(const auto given, FormFor(*key.algorithm, *form, frame.segments[0].size()));
      if (command == wire::Command::kVerify) {
        SR_CHECK(key.pair->public_key().VerifySecret(*key.algorithm->scheme, given, frame.segments[0],
                                                     AsBytes(request.signature())));
        return MakeReply(proto::VerifyReply());
      }
      SR_TRY(const Bytes signature, key.pair->SignSecret(*key.algorithm->scheme, given, frame.segments[0]));
      proto::SignReply reply;
      reply.set_signature(Text(signature));
      return MakeReply(reply);
    }
    case wire::Command::kGenerateMac:
    case wire::Command::kVerifyMac: {
      SR_TRY(const auto request, Parse<proto::VerifyMacRequest>(frame));
      if (!has_segment) return missing();
      SR_TRY(const Asked key, Open(cluster, session, request.key(), KmsUsage::kGenerateVerifyMac, request.algorithm()));
      const Bytes mac = crypto::Hmac(*key.algorithm->digest, key.secret, frame.segments[0]);
      if (command == wire::Command::kVerifyMac) {
        if (Text(mac) != request.mac()) return Error(Errc::kBadSignature, "The MAC does not verify.");
        return MakeReply(proto::VerifyMacReply());
      }
      proto::GenerateMacReply reply;
      reply.set_mac(Text(mac));
      return MakeReply(reply);
    }
    case wire::Command::kAsymmetricEncrypt: {
      SR_TRY(const auto request, Parse<proto::AsymmetricEncryptRequest>(frame));
      if (!has_segment) return missing();
      SR_TRY(const Asked key, Open(cluster, session, request.key(), KmsUsage::kEncryptDecrypt, request.algorithm()));
      SR_TRY(const Bytes sealed, Encrypt(key, frame.segments[0]));
      proto::AsymmetricEncryptReply reply;
      reply.set_ciphertext(Text(sealed));
      return MakeReply(reply);
    }
    case wire::Command::kAsymmetricDecrypt: {
      SR_TRY(const auto request, Parse<proto::AsymmetricDecryptRequest>(frame));
      SR_TRY(const Asked key, Open(cluster, session, request.key(), KmsUsage::kEncryptDecrypt, request.algorithm()));
      SR_TRY(SecretBuffer plaintext, Decrypt(key, request.ciphertext()));
      return MakeReply(proto::AsymmetricDecryptReply(), Segment(std::move(plaintext)));
    }
    case wire::Command::kDeriveSharedSecret: {
      SR_TRY(const auto request, Parse<proto::DeriveSharedSecretRequest>(frame));
      SR_TRY(const Asked key, Open(cluster, session, request.key(), KmsUsage::kKeyAgreement, request.algorithm()));
      SR_TRY(const auto peer, crypto::PublicKey::FromSpki(AsBytes(request.public_key())));
      SR_TRY(SecretBuffer shared, key.pair->Agree(peer));
      return MakeReply(proto::DeriveSharedSecretReply(), Segment(std::move(shared)));
    }
    case wire::Command::kGetPublicKey: {
      SR_TRY(const auto request, Parse<proto::GetPublicKeyRequest>(frame));
      const auto usage = crypto::FindKmsUsage(request.usage());
      if (!usage) return Error(Errc::kInvalidArgument, "There is no such key usage.");
      SR_TRY(const Asked key, Open(cluster, session, request.key(), *usage, ""));
      if (!key.pair) return Error(Errc::kUnsupported, "The key has no public half.");
      proto::GetPublicKeyReply reply;
      reply.set_public_key(Text(key.pair->public_key().ToSpki()));
      return MakeReply(reply);
    }
    case wire::Command::kReSeal: return ReSeal(cluster, session, frame);
    default: return Error(Errc::kUnsupported, "The double does not know this command.");
  }
}

}  // namespace strongroom::hsm_client::testing
