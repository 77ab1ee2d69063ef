#include <fmt/format.h>

#include "aes_gcm.pb.h"
#include "cluster.pb.h"
#include "crypto/aes_gcm.h"
#include "crypto/hash.h"
#include "crypto/key_pair.h"
#include "crypto/kms_algorithms.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "domain_keys.pb.h"
#include "hsm_client/testing/double_token_keys.h"
#include "hsm_client/testing/hsm_double.h"
#include "messages.pb.h"
#include "secret/peek_for_tests.h"

namespace strongroom::hsm_client::testing {
namespace {
using channel::testing::Must;

constexpr std::uint32_t kMostFailures = 5;
constexpr std::string_view kMessageInfo{"strongroom message v1\0", 22};

template <typename Request>
Result<Request> Parse(const wire::Frame& frame) {
  Request request;
  SR_CHECK(wire::ParseMessage(frame, request));
  return request;
}
Result<DoubleReply> Answer(const google::protobuf::MessageLite& message, std::vector<SecretBuffer> segments = {}) {
  DoubleReply reply;
  reply.message.resize(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(reply.message.data());
  reply.segments = std::move(segments);
  return reply;
}
Result<DoubleReply> Answer(const google::protobuf::MessageLite& message, SecretBuffer segment) {
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(segment));
  return Answer(message, std::move(segments));
}
std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

Bytes TokenInfo(std::uint8_t generation) {
  Bytes info = ToBytes(AsBytes(std::string_view("strongroom token v1\0", 20)));
  Append(info, Bytes{0, 0, 0, generation});
  return info;
}
Result<std::string> MakeToken(DoubleCluster& cluster, std::uint8_t kind, const SecretBuffer& material,
                              const std::string& binding) {
  Bytes plaintext{kind};
  Append(plaintext, secret::Peek::At(material));
  const auto generation = static_cast<std::uint8_t>(cluster.newest_domain_key());
  SR_TRY(const Bytes sealed,
         crypto::Seal(*cluster.DomainKey(generation), TokenInfo(generation), AsBytes(binding), plaintext));
  Bytes token{'S', 'R', 'T', 1, 0, 0, 0, generation};
  Append(token, sealed);
  return Text(token);
}

/// Kind and material.
Result<SecretBuffer> OpenedToken(const DoubleCluster& cluster, const proto::KeyRef& key) {
  const ByteView token = AsBytes(key.token());
  if (token.size() < 8 || AsText(token.first(3)) != "SRT") return Error(Errc::kBadCiphertext, "The token is bad.");
  const SecretBuffer* domain_key = cluster.DomainKey(token[7]);
  if (domain_key == nullptr) return Error(Errc::kNotFound, "The key token's generation is not known here.");
  return crypto::Open(*domain_key, TokenInfo(token[7]), AsBytes(key.binding()), token.subspan(8));
}

Result<SecretBuffer> Material(DoubleCluster& cluster, const DoubleSession& session, const proto::KeyRef& key,
                              std::uint8_t kind = 1) {
  if (!key.token().empty()) {
    if (!session.front_end) return Error(Errc::kPermission, "Only a front end may use tokens.");
    SR_TRY(const SecretBuffer opened, OpenedToken(cluster, key));
    if (secret::Peek::At(opened)[0] != kind) return Error(Errc::kWrongKeyUsage, "The key is not one for this.");
    return SecretBuffer::CopyOf(secret::Peek::At(opened).subspan(1));
  }
  const auto it = cluster.keys.find(key.handle());
  if (it == cluster.keys.end() || (!key.label().empty() && it->second.info.label() != key.label()))
    return Error(Errc::kNotFound, "There is no such key.");
  return it->second.material.Clone();
}

Bytes Bound(const std::string& header, const std::string& context) {
  Bytes aad = ToBytes(AsBytes(header));
  Append(aad, AsBytes(context));
  return aad;
}

/// What the double can make of a spec. Errors: kUnsupported.
Result<const crypto::KmsSpec*> SpecOf(const std::string& name) {
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(name);
  if (spec == nullptr || (spec->pair && !crypto::Available(*spec->pair)))
    return Error(Errc::kUnsupported, "The key spec is not known.");
  return spec;
}

Result<DoubleReply> Login(DoubleCluster& cluster, DoubleSession& session, wire::Frame& frame) {
  SR_TRY(const auto request, Parse<proto::LoginRequest>(frame));
  if (frame.segments.size() != 1) return Error(Errc::kInvalidArgument, "A login needs a password.");
  const auto it = cluster.users.find({request.type(), request.name()});
  if (it == cluster.users.end()) return Error(Errc::kUserNotFound, "There is no such user.");
  DoubleCluster::User& user = it->second;
  if (user.info.locked()) return Error(Errc::kUserLocked, "The user is locked.");
  if (!user.password.EqualsInConstantTime(frame.segments[0])) {
    user.info.set_login_failures(user.info.login_failures() + 1);
    user.info.set_locked(user.info.login_failures() >= kMostFailures);
    return Error(Errc::kLoginFailed, "The password is wrong.");
  }
  user.info.set_login_failures(0);
  session.user = user.info;
  proto::LoginReply reply;
  *reply.mutable_user() = user.info;
  return Answer(reply);
}

Result<DoubleReply> ChangeUser(DoubleCluster& cluster, DoubleSession& session, wire::Command command,
                               wire::Frame& frame) {
  if (command == wire::Command::kDeleteUser) {
    SR_TRY(const auto request, Parse<proto::DeleteUserRequest>(frame));
    if (cluster.users.erase({request.type(), request.name()}) == 0)
      return Error(Errc::kUserNotFound, "There is no such user.");
    return Answer(proto::DeleteUserReply());
  }
  if (frame.segments.size() != 1) return Error(Errc::kInvalidArgument, "A user needs a password.");
  if (command == wire::Command::kCreateUser) {
    SR_TRY(const auto request, Parse<proto::CreateUserRequest>(frame));
    if (cluster.users.contains({request.type(), request.name()}))
      return Error(Errc::kAlreadyExists, "The user exists.");
    DoubleCluster::User& user = cluster.users[{request.type(), request.name()}];
    user.info.set_id(cluster.next_id++);
    user.info.set_type(request.type());
    user.info.set_name(request.name());
    user.password = std::move(frame.segments[0]);
    proto::CreateUserReply reply;
    *reply.mutable_user() = user.info;
    return Answer(reply);
  }
  SR_TRY(const auto request, Parse<proto::ChangePasswordRequest>(frame));
  const auto it = cluster.users.find({request.type(), request.name()});
  if (it == cluster.users.end()) return Error(Errc::kUserNotFound, "There is no such user.");
  if (session.user->type() != proto::CO && session.user->name() != request.name())
    return Error(Errc::kPermission, "Only an officer changes another's password.");
  it->second.password = std::move(frame.segments[0]);
  it->second.info.set_login_failures(0);
  it->second.info.set_locked(false);
  proto::ChangePasswordReply reply;
  *reply.mutable_user() = it->second.info;
  return Answer(reply);
}

Result<DoubleReply> GenerateKey(DoubleCluster& cluster, DoubleSession& session, const wire::Frame& frame) {
  SR_TRY(const auto request, Parse<proto::GenerateKeyRequest>(frame));
  if (request.type() != proto::AES ||
      (request.size_bits() != 128 && request.size_bits() != 192 && request.size_bits() != 256))
    return Error(Errc::kUnsupported, "Only AES keys are made.");
  if (request.unique_label())
    for (const auto& [handle, key] : cluster.keys)
      if (key.info.label() == request.label() && key.info.owner() == session.user->id())
        return Error(Errc::kAlreadyExists, "The label is taken.");
  SR_TRY(SecretBuffer material, crypto::RandomSecret(request.size_bits() / 8));
  const std::uint32_t handle = cluster.next_id++;
  DoubleCluster::Key& key = cluster.keys[handle];
  key.material = std::move(material);
  key.info.set_handle(handle);
  key.info.set_key_class(proto::SECRET);
  key.info.set_type(request.type());
  key.info.set_size_bits(request.size_bits());
  key.info.set_label(request.label());
  key.info.set_id(request.id());
  key.info.set_owner(session.user->id());
  key.info.set_token(true);
  key.info.set_sensitive(true);
  key.info.set_extractable(request.extractable());
  key.info.set_local(true);
  key.info.set_encrypt(true);
  key.info.set_decrypt(true);
  proto::GenerateKeyReply reply;
  *reply.mutable_key() = key.info;
  return Answer(reply);
}

Result<DoubleReply> FindKeys(DoubleCluster& cluster, const DoubleSession& session, const wire::Frame& frame) {
  SR_TRY(const auto request, Parse<proto::FindKeysRequest>(frame));
  proto::FindKeysReply reply;
  const std::size_t limit = request.limit() == 0 ? 1000 : request.limit();
  for (const auto& [handle, key] : cluster.keys) {
    if (handle <= request.start_after()) continue;
    if (session.user->type() != proto::CO && key.info.owner() != session.user->id()) continue;
    if (!request.label().empty() && key.info.label() != request.label()) continue;
    if (request.owner() != 0 && key.info.owner() != request.owner()) continue;
    if (static_cast<std::size_t>(reply.keys_size()) == limit) {
      reply.set_more(true);
      break;
    }
    *reply.add_keys() = key.info;
  }
  return Answer(reply);
}

Result<DoubleReply> CreateToken(DoubleCluster& cluster, const wire::Frame& frame) {
  SR_TRY(const auto request, Parse<proto::CreateTokenRequest>(frame));
  proto::CreateTokenReply reply;
  SR_TRY(const crypto::KmsSpec* spec, SpecOf(request.spec()));
  if (!spec->pair) {
    SR_TRY(const SecretBuffer material, crypto::RandomSecret(spec->secret_bytes));
    SR_TRY(*reply.mutable_token(), MakeToken(cluster, 1, material, request.binding()));
    return Answer(reply);
  }
  SR_TRY(const crypto::PrivateKey key, crypto::PrivateKey::Generate(*spec->pair));
  SR_TRY(const SecretBuffer pkcs8, key.ToPkcs8());
  SR_TRY(*reply.mutable_token(), MakeToken(cluster, 2, pkcs8, request.binding()));
  reply.set_public_key(Text(key.public_key().ToSpki()));
  return Answer(reply);
}

Result<DoubleReply> DomainKeys(DoubleCluster& cluster, wire::Command command, wire::Frame& frame) {
  if (command == wire::Command::kListDomainKeys) {
    proto::ListDomainKeysReply reply;
    if (!cluster.first_domain_key_dropped) reply.add_generations(1);
    for (const auto& [generation, key] : cluster.later_domain_keys) reply.add_generations(generation);
    return Answer(reply);
  }
  if (command == wire::Command::kAddDomainKey) {
    SR_TRY(const auto request, Parse<proto::AddDomainKeyRequest>(frame));
    if (cluster.DomainKey(request.generation()) == nullptr) {
      SR_TRY(SecretBuffer key, crypto::RandomSecret(32));
      cluster.later_domain_keys.emplace(request.generation(), std::move(key));
    }
    return Answer(proto::AddDomainKeyReply());
  }
  if (command == wire::Command::kDropDomainKey) {
    SR_TRY(const auto request, Parse<proto::DropDomainKeyRequest>(frame));
    if (request.generation() >= cluster.newest_domain_key()) return Error(Errc::kInvalidState, "It is in use.");
    if (request.generation() == 1) cluster.first_domain_key_dropped = true;
    cluster.later_domain_keys.erase(request.generation());
    return Answer(proto::DropDomainKeyReply());
  }
  if (command == wire::Command::kForgetTokens) {
    SR_TRY(const auto request, Parse<proto::ForgetTokensRequest>(frame));
    for (const std::string& binding : request.bindings()) cluster.forgotten.push_back(binding);
    return Answer(proto::ForgetTokensReply());
  }
  SR_TRY(const auto request, Parse<proto::RewrapTokenRequest>(frame));
  SR_TRY(const SecretBuffer opened, OpenedToken(cluster, request.key()));
  SR_TRY(const SecretBuffer material, SecretBuffer::CopyOf(secret::Peek::At(opened).subspan(1)));
  proto::RewrapTokenReply reply;
  SR_TRY(*reply.mutable_token(), MakeToken(cluster, secret::Peek::At(opened)[0], material, request.key().binding()));
  return Answer(reply);
}

Result<DoubleReply> SealOne(DoubleCluster& cluster, DoubleSession& session, wire::Command command, wire::Frame& frame) {
  if (command == wire::Command::kSealMessage) {
    SR_TRY(const auto request, Parse<proto::SealMessageRequest>(frame));
    if (frame.segments.size() != 1) return Error(Errc::kInvalidArgument, "There is nothing to seal.");
    SR_TRY(const SecretBuffer key, Material(cluster, session, request.key()));
    SR_TRY(const Bytes sealed, crypto::SealSecret(key, AsBytes(kMessageInfo),
                                                  Bound(request.header(), request.context()), frame.segments[0]));
    proto::SealMessageReply reply;
    reply.set_sealed(Text(sealed));
    return Answer(reply);
  }
  if (command == wire::Command::kSealRandom) {
    SR_TRY(const auto request, Parse<proto::SealRandomRequest>(frame));
    if (request.number_of_bytes() < 1 || request.number_of_bytes() > 1024)
      return Error(Errc::kInvalidArgument, "1 to 1024 bytes can be made.");
    SR_TRY(const SecretBuffer key, Material(cluster, session, request.key()));
    SR_TRY(SecretBuffer random, crypto::RandomSecret(request.number_of_bytes()));
    SR_TRY(const Bytes sealed,
           crypto::SealSecret(key, AsBytes(kMessageInfo), Bound(request.header(), request.context()), random));
    proto::SealRandomReply reply;
    reply.set_sealed(Text(sealed));
    if (!request.return_plaintext()) return Answer(reply);
    return Answer(reply, std::move(random));
  }
  SR_TRY(const auto request, Parse<proto::SealKeyPairRequest>(frame));
  SR_TRY(const crypto::KmsSpec* spec, SpecOf(request.spec()));
  if (!spec->pair) return Error(Errc::kUnsupported, "The key pair spec is not known.");
  SR_TRY(const SecretBuffer key, Material(cluster, session, request.key()));
  SR_TRY(const crypto::PrivateKey pair, crypto::PrivateKey::Generate(*spec->pair));
  SR_TRY(SecretBuffer pkcs8, pair.ToPkcs8());
  SR_TRY(const Bytes sealed,
         crypto::SealSecret(key, AsBytes(kMessageInfo), Bound(request.header(), request.context()), pkcs8));
  proto::SealKeyPairReply reply;
  reply.set_sealed(Text(sealed));
  reply.set_public_key(Text(pair.public_key().ToSpki()));
  if (!request.return_plaintext()) return Answer(reply);
  return Answer(reply, std::move(pkcs8));
}

Result<DoubleReply> AesGcm(DoubleCluster& cluster, const DoubleSession& session, wire::Command command,
                           const wire::Frame& frame) {
  const auto material = [&](std::uint32_t handle) -> Result<SecretBuffer> {
    const auto it = cluster.keys.find(handle);
    if (it == cluster.keys.end() || it->second.info.owner() != session.user->id())
      return Error(Errc::kNotFound, "There is no such key.");
    const bool may = command == wire::Command::kAesGcmEncrypt ? it->second.info.encrypt() : it->second.info.decrypt();
    if (!may) return Error(Errc::kWrongKeyUsage, "The key's attributes do not permit this.");
    return it->second.material.Clone();
  };
  if (command == wire::Command::kAesGcmEncrypt) {
    SR_TRY(const auto request, Parse<proto::AesGcmEncryptRequest>(frame));
    if (frame.segments.size() != 1) return Error(Errc::kInvalidArgument, "The plaintext is missing.");
    SR_TRY(const SecretBuffer key, material(request.handle()));
    std::array<std::uint8_t, 12> iv{};
    SR_CHECK(crypto::Random(iv));
    SR_TRY(const Bytes sealed,
           crypto::AesGcmEncrypt(key, {.iv = iv, .aad = AsBytes(request.aad())}, frame.segments[0]));
    proto::AesGcmEncryptReply reply;
    reply.set_iv(iv.data(), iv.size());
    reply.set_ciphertext(sealed.data(), sealed.size() - 16);
    reply.set_tag(sealed.data() + sealed.size() - 16, 16);
    return Answer(reply);
  }
  SR_TRY(const auto request, Parse<proto::AesGcmDecryptRequest>(frame));
  SR_TRY(const SecretBuffer key, material(request.handle()));
  SR_TRY(SecretBuffer plaintext,
         crypto::AesGcmDecrypt(key, {.iv = AsBytes(request.iv()), .aad = AsBytes(request.aad())},
                               AsBytes(request.ciphertext() + request.tag())));
  return Answer(proto::AesGcmDecryptReply(), std::move(plaintext));
}

Result<DoubleReply> Dispatch(DoubleCluster& cluster, DoubleSession& session, wire::Command command,
                             wire::Frame& frame) {
  switch (command) {
    case wire::Command::kEcho: {
      SR_TRY(const auto request, Parse<proto::EchoRequest>(frame));
      proto::EchoReply reply;
      reply.set_data(request.data());
      return Answer(reply);
    }
    case wire::Command::kGetInfo: {
      proto::GetInfoReply reply;
      reply.set_cluster_id("cluster-double00001");
      reply.set_lifecycle(proto::ACTIVE);
      for (const proto::Member& member : cluster.members) *reply.add_members() = member;
      reply.set_head(cluster.number);
      reply.set_users(static_cast<std::uint32_t>(cluster.users.size()));
      reply.set_keys(static_cast<std::uint32_t>(cluster.keys.size()));
      reply.set_changes_possible(true);
      return Answer(reply);
    }
    case wire::Command::kLogin: return Login(cluster, session, frame);
    case wire::Command::kLogout: session.user.reset(); return Answer(proto::LogoutReply());
    case wire::Command::kListUsers: {
      proto::ListUsersReply reply;
      for (const auto& [name, user] : cluster.users) *reply.add_users() = user.info;
      return Answer(reply);
    }
    case wire::Command::kCreateUser:
    case wire::Command::kDeleteUser:
    case wire::Command::kChangePassword: return ChangeUser(cluster, session, command, frame);
    case wire::Command::kGenerateKey: return GenerateKey(cluster, session, frame);
    case wire::Command::kDestroyKey: {
      SR_TRY(const auto request, Parse<proto::DestroyKeyRequest>(frame));
      const auto it = cluster.keys.find(request.handle());
      if (it == cluster.keys.end() || (!request.label().empty() && it->second.info.label() != request.label()))
        return Error(Errc::kNotFound, "There is no such key.");
      cluster.keys.erase(it);
      return Answer(proto::DestroyKeyReply());
    }
    case wire::Command::kFindKeys: return FindKeys(cluster, session, frame);
    case wire::Command::kGetKeyInfo: {
      SR_TRY(const auto request, Parse<proto::GetKeyInfoRequest>(frame));
      const auto it = cluster.keys.find(request.handle());
      if (it == cluster.keys.end()) return Error(Errc::kNotFound, "There is no such key.");
      proto::GetKeyInfoReply reply;
      *reply.mutable_key() = it->second.info;
      return Answer(reply);
    }
    case wire::Command::kCreateToken: return CreateToken(cluster, frame);
    case wire::Command::kListDomainKeys:
    case wire::Command::kAddDomainKey:
    case wire::Command::kDropDomainKey:
    case wire::Command::kForgetTokens:
    case wire::Command::kRewrapToken: return DomainKeys(cluster, command, frame);
    case wire::Command::kSealMessage:
    case wire::Command::kSealRandom:
    case wire::Command::kSealKeyPair: return SealOne(cluster, session, command, frame);
    case wire::Command::kOpenMessage: {
      SR_TRY(const auto request, Parse<proto::OpenMessageRequest>(frame));
      SR_TRY(const SecretBuffer key, Material(cluster, session, request.key()));
      SR_TRY(SecretBuffer plaintext,
             crypto::Open(key, AsBytes(kMessageInfo), Bound(request.header(), request.context()),
                          AsBytes(request.sealed())));
      return Answer(proto::OpenMessageReply(), std::move(plaintext));
    }
    case wire::Command::kAesGcmEncrypt:
    case wire::Command::kAesGcmDecrypt: return AesGcm(cluster, session, command, frame);
    case wire::Command::kGenerateRandom: {
      SR_TRY(const auto request, Parse<proto::GenerateRandomRequest>(frame));
      if (request.number_of_bytes() < 1 || request.number_of_bytes() > 1024)
        return Error(Errc::kInvalidArgument, "1 to 1024 bytes can be made.");
      SR_TRY(SecretBuffer random, crypto::RandomSecret(request.number_of_bytes()));
      return Answer(proto::GenerateRandomReply(), std::move(random));
    }
    case wire::Command::kMakeImportKey:
    case wire::Command::kImportKey: return ExecuteImportCommand(cluster, command, frame);
    default: return ExecuteTokenKeyCommand(cluster, session, command, frame);
  }
}

Status Allowed(const DoubleSession& session, wire::Needs needs) {
  const bool is_cu = session.user && session.user->type() == proto::CU;
  const bool is_co = session.user && session.user->type() == proto::CO;
  if (needs == wire::Needs::kNothing) return {};
  if (needs == wire::Needs::kFrontEnd)
    return session.front_end ? Status() : Error(Errc::kPermission, "Only a front end may do this.");
  if (needs == wire::Needs::kKeyUser && session.front_end) return {};
  if (!session.user) return Error(Errc::kNotLoggedIn, "Nobody is logged in.");
  if ((needs == wire::Needs::kCryptoUser || needs == wire::Needs::kKeyUser) && !is_cu)
    return Error(Errc::kPermission, "Only a crypto user may do this.");
  if (needs == wire::Needs::kOfficer && !is_co) return Error(Errc::kPermission, "Only a crypto officer may do this.");
  return {};
}

}  // namespace

Result<DoubleReply> MakeReply(const google::protobuf::MessageLite& message, std::vector<SecretBuffer> segments) {
  return Answer(message, std::move(segments));
}
Result<SecretBuffer> MaterialOnDouble(DoubleCluster& cluster, const DoubleSession& session, const proto::KeyRef& key,
                                      std::uint8_t kind) {
  return Material(cluster, session, key, kind);
}
Result<std::string> TokenOnDouble(DoubleCluster& cluster, std::uint8_t kind, const SecretBuffer& material,
                                  const std::string& binding) {
  return MakeToken(cluster, kind, material, binding);
}
Result<Bytes> SealOnDouble(const SecretBuffer& key, const std::string& header, const std::string& context,
                           const SecretBuffer& plaintext) {
  return crypto::SealSecret(key, AsBytes(kMessageInfo), Bound(header, context), plaintext);
}
Result<SecretBuffer> OpenOnDouble(const SecretBuffer& key, const std::string& header, const std::string& context,
                                  const std::string& sealed) {
  return crypto::Open(key, AsBytes(kMessageInfo), Bound(header, context), AsBytes(sealed));
}

DoubleCluster::DoubleCluster() : domain_key(Must(crypto::RandomSecret(32))) {}

const SecretBuffer* DoubleCluster::DomainKey(std::uint32_t generation) const {
  if (generation == 1) return first_domain_key_dropped ? nullptr : &domain_key;
  const auto found = later_domain_keys.find(generation);
  return found == later_domain_keys.end() ? nullptr : &found->second;
}

void DoubleCluster::AddUser(proto::UserType type, const std::string& name, const std::string& password) {
  const std::lock_guard lock(mutex);
  User& user = users[{type, name}];
  user.info.set_id(next_id++);
  user.info.set_type(type);
  user.info.set_name(name);
  user.password = Must(SecretBuffer::CopyOf(AsBytes(password)));
}

Result<DoubleReply> ExecuteOnDouble(DoubleCluster& cluster, DoubleSession& session, wire::Frame& request) {
  const wire::CommandRow* row = wire::FindCommand(request.code);
  if (row == nullptr) return Error(Errc::kUnknownOperation, "There is no such command.");
  const std::lock_guard lock(cluster.mutex);
  SR_CHECK(Allowed(session, row->needs));
  if (row->repeat != wire::Repeat::kDeduplicated) return Dispatch(cluster, session, row->command, request);
  if (!request.client_id) return Error(Errc::kInvalidArgument, "A change needs a client id.");
  if (const auto it = cluster.answers.find(*request.client_id); it != cluster.answers.end()) {
    DoubleReply remembered;
    remembered.message = it->second;
    return remembered;
  }
  SR_TRY(DoubleReply reply, Dispatch(cluster, session, row->command, request));
  ++cluster.number;
  cluster.answers[*request.client_id] = reply.message;
  return reply;
}

}  // namespace strongroom::hsm_client::testing
