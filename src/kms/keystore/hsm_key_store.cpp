#include "kms/keystore/hsm_key_store.h"

#include "kms/keystore/hsm_messages.h"
#include "messages.pb.h"

namespace strongroom::kms {
namespace {

using wire::Command;

/// A protobuf of the thread's stock, for the commands that come by the ten thousand: its parts keep their memory from
/// one use to the next, and their values too (Clear would free them): whoever takes one sets every member. Not for
/// secrets, which are never in protobufs.
template <typename Message>
class KeptMessage {
 public:
  KeptMessage() {
    auto& stock = Stock();
    if (stock.empty()) {
      message_ = std::make_unique<Message>();
    } else {
      message_ = std::move(stock.back());
      stock.pop_back();
    }
  }
  ~KeptMessage() {
    constexpr std::size_t kMostKept = 64, kMostBytes = 4096;
    auto& stock = Stock();
    if (stock.size() >= kMostKept || message_->ByteSizeLong() > kMostBytes) return;
    stock.push_back(std::move(message_));
  }
  KeptMessage(const KeptMessage&) = delete;
  KeptMessage& operator=(const KeptMessage&) = delete;
  Message& operator*() noexcept { return *message_; }
  Message* operator->() noexcept { return message_.get(); }

 private:
  static std::vector<std::unique_ptr<Message>>& Stock() {
    thread_local std::vector<std::unique_ptr<Message>> stock;
    return stock;
  }
  std::unique_ptr<Message> message_;
};

std::string ToString(ByteView bytes) { return std::string(AsText(bytes)); }

/// Into a protobuf's string, whose memory may be there already; its setters would make a string in between.
void Put(ByteView bytes, std::string& to) { to.assign(AsText(bytes)); }

template <typename Request>
void Fill(Request& request, const Key& key, const KeyMaterial& material, ByteView header, const Bytes& context) {
  SetKey(*request.mutable_key(), key, material);
  Put(header, *request.mutable_header());
  Put(context, *request.mutable_context());
}

/// Key pairs can take seconds when the pool of ready ones is empty.
hsm_client::Clock::time_point KeyPairDeadline() { return hsm_client::Clock::now() + std::chrono::seconds(60); }

Bytes WithHeader(const Key& key, const std::string& sealed) {
  Bytes blob;
  blob.reserve(key.blob_header.size() + sealed.size());
  Append(blob, key.blob_header);
  Append(blob, AsBytes(sealed));
  return blob;
}

}  // namespace

void SetKey(proto::KeyRef& ref, const Key& key, const KeyMaterial& material) {
  ref.Clear();  // it may be of a KeptMessage; its strings keep their memory
  if (key.store() == StoreKind::kCloudHsm) {
    ref.set_handle(static_cast<std::uint32_t>(key.row.hsm_handle.value_or(0)));
    ref.set_label(key.arn);
  } else {
    Put(material.token, *ref.mutable_token());
    Put(material.binding, *ref.mutable_binding());
  }
}

Result<SecretBuffer> TakeSegment(std::vector<SecretBuffer>& segments) {
  if (segments.size() != 1) return Error(Errc::kInternal, "An HSM's answer lacks what was asked for.");
  return std::move(segments[0]);
}

Error HsmKeyStore::Translate(Error error) const {
  const Errc code = error.code();
  if (code == Errc::kBadCiphertext || code == Errc::kBadSignature) return Error(code, "");
  if (kind_ == StoreKind::kDomain) {
    if (code == Errc::kUntrusted || code == Errc::kCancelled)
      return Error(Errc::kUnavailable, "The key store is not reachable.").WithDetail(error.ForLog());
    // Its token is under a generation of the domain key that is gone: the row is out of an old copy of the database.
    if (code == Errc::kNotFound)
      return Error(Errc::kInvalidState, "The key's material was destroyed and cannot be had again.")
          .WithDetail(error.ForLog());
    return error;
  }
  switch (code) {
    case Errc::kUnavailable:
    case Errc::kUntrusted:
    case Errc::kCancelled:
    case Errc::kTimeout:
      return Error(Errc::kInvalidState, "KMS cannot communicate with your CloudHSM cluster").WithDetail(error.ForLog());
    case Errc::kNotFound:
      return Error(Errc::kInvalidState, "The key's material is no longer in the CloudHSM cluster.")
          .WithDetail(error.ForLog());
    case Errc::kLoginFailed:
    case Errc::kUserNotFound:
    case Errc::kUserLocked:
    case Errc::kNotLoggedIn:
    case Errc::kPermission:
      return Error(Errc::kInvalidState, "KMS can no longer log in to your CloudHSM cluster as kmsuser.")
          .WithDetail(error.ForLog());
    default: return error;
  }
}

Task<Result<NewMaterial>> HsmKeyStore::Create(const KeyRow& row, const std::string& material_id) {
  NewMaterial made;
  if (kind_ == StoreKind::kDomain) {
    proto::CreateTokenRequest request;
    request.set_binding(ToString(TokenBinding(row, material_id)));
    request.set_spec(row.spec);
    std::vector<SecretBuffer> none;
    auto answer = co_await cluster_->Call<proto::CreateTokenReply>(Command::kCreateToken, request, std::move(none),
                                                                   KeyPairDeadline());
    if (!answer.ok()) co_return Translate(std::move(answer).error());
    made.token = ToBytes(AsBytes(answer->reply.token()));
    co_return made;
  }
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(256);
  request.set_label(row.Arn());
  request.set_extractable(false);
  request.set_unique_label(true);
  auto answer = co_await cluster_->Call<proto::GenerateKeyReply>(Command::kGenerateKey, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  made.hsm_handle = answer->reply.key().handle();
  co_return made;
}

Task<Result<Bytes>> HsmKeyStore::Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) {
  proto::SealMessageRequest request;
  Fill(request, key, key.current(), key.blob_header, context);
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(plaintext));
  auto answer = co_await cluster_->Call<proto::SealMessageReply>(Command::kSealMessage, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return WithHeader(key, answer->reply.sealed());
}

Task<Result<SecretBuffer>> HsmKeyStore::Open(const Key& key, const KeyMaterial& material, ByteView header,
                                             const Bytes& context, ByteView sealed) {
  KeptMessage<proto::OpenMessageRequest> request;
  Fill(*request, key, material, header, context);
  Put(sealed, *request->mutable_sealed());
  // The reply's protobuf is empty: there is nothing to parse.
  auto answer = co_await cluster_->Call(Command::kOpenMessage, *request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return TakeSegment(answer->segments);
}

Task<Result<SealedRandom>> HsmKeyStore::Random(const Key& key, const Bytes& context, std::uint32_t bytes,
                                               bool plaintext) {
  proto::SealRandomRequest request;
  Fill(request, key, key.current(), key.blob_header, context);
  request.set_number_of_bytes(bytes);
  request.set_return_plaintext(plaintext);
  auto answer = co_await cluster_->Call<proto::SealRandomReply>(Command::kSealRandom, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  SealedRandom made;
  made.sealed = WithHeader(key, answer->reply.sealed());
  if (plaintext) {
    SR_CO_TRY(made.plaintext, TakeSegment(answer->segments));
  }
  co_return made;
}

Task<Result<SealedKeyPair>> HsmKeyStore::KeyPair(const Key& key, const Bytes& context, const std::string& spec,
                                                 bool plaintext) {
  proto::SealKeyPairRequest request;
  Fill(request, key, key.current(), key.blob_header, context);
  request.set_spec(spec);
  request.set_return_plaintext(plaintext);
  std::vector<SecretBuffer> none;
  auto answer = co_await cluster_->Call<proto::SealKeyPairReply>(Command::kSealKeyPair, request, std::move(none),
                                                                 KeyPairDeadline());
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  SealedKeyPair made;
  made.sealed = WithHeader(key, answer->reply.sealed());
  made.public_key = ToBytes(AsBytes(answer->reply.public_key()));
  if (plaintext) {
    SR_CO_TRY(made.plaintext, TakeSegment(answer->segments));
  }
  co_return made;
}

Task<Result<SecretBuffer>> HsmKeyStore::GenerateRandom(std::uint32_t bytes) {
  proto::GenerateRandomRequest request;
  request.set_number_of_bytes(bytes);
  auto answer = co_await cluster_->Call<proto::GenerateRandomReply>(Command::kGenerateRandom, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return TakeSegment(answer->segments);
}

Task<Result<std::vector<std::uint32_t>>> HsmKeyStore::Find(const KeyRow& row) {
  std::vector<std::uint32_t> handles;
  if (kind_ == StoreKind::kDomain) co_return handles;
  proto::FindKeysRequest find;
  find.set_label(row.Arn());
  auto found = co_await cluster_->Call<proto::FindKeysReply>(Command::kFindKeys, find);
  if (!found.ok()) co_return std::move(found).error();
  for (const auto& key : found->reply.keys()) handles.push_back(key.handle());
  co_return handles;
}

Task<Status> HsmKeyStore::Destroy(const KeyRow& row) {
  // By its label, since the row may know no handle (its creation was interrupted), and one that is another key's by
  // now.
  auto handles = co_await Find(row);
  if (!handles.ok()) co_return Translate(std::move(handles).error());
  for (const std::uint32_t handle : *handles) {
    proto::DestroyKeyRequest request;
    request.set_handle(handle);
    request.set_label(row.Arn());
    auto answer = co_await cluster_->Call<proto::DestroyKeyReply>(Command::kDestroyKey, request);
    if (answer.ok()) continue;
    // Another user's, who has given it this label and shared it, is none of KMS's.
    const Errc code = answer.error().code();
    if (code != Errc::kNotFound && code != Errc::kPermission) co_return Translate(std::move(answer).error());
  }
  co_return Status();
}

}  // namespace strongroom::kms
