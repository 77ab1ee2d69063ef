#include "aws_client/kms_client.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "aws_client/kms_errors.h"
#include "aws_client/secret_text.h"
#include "aws_client/service_call.h"
#include "aws_client/wiping_json.h"

namespace strongroom::aws_client {
namespace {

namespace json = boost::json;
using encryption_sdk::KmsCiphertext;
using encryption_sdk::KmsDataKey;
using encryption_sdk::KmsKeyDescription;
using encryption_sdk::KmsPlaintext;

constexpr std::chrono::seconds kTimeout{60};
constexpr int kAttempts = 5;
constexpr std::size_t kLargestCiphertext = 6144;  // KMS's own bounds
constexpr std::size_t kLargestPlaintext = 4096;

enum class DryRun : std::uint8_t { kNo, kYes };

/// A request's body: JSON, into which the plaintext goes last and without a copy in ordinary memory.
class Body {
 public:
  Body(std::string_view key_id, const KmsClient::Context& context, const KmsClient::GrantTokens& tokens,
       DryRun dry_run) {
    if (!key_id.empty()) Text("KeyId", key_id);
    if (!context.empty()) {
      json::object& given = members_["EncryptionContext"].emplace_object();
      for (const auto& [name, value] : context) given[name] = value;
    }
    if (!tokens.empty()) members_["GrantTokens"] = json::array(tokens.begin(), tokens.end());
    if (dry_run == DryRun::kYes) members_["DryRun"] = true;
  }
  void Text(std::string_view name, std::string_view value) { members_[name] = json::string_view(value); }
  void Number(std::string_view name, std::size_t value) { members_[name] = value; }
  SecretString Take(const SecretBuffer* plaintext = nullptr) const {
    const std::string rest = json::serialize(members_);
    SecretString text(rest.begin(), rest.end());
    if (plaintext == nullptr) return text;
    text.pop_back();
    text.reserve(text.size() + Base64Size(plaintext->size()) + 32);
    AppendTo(text, members_.empty() ? R"("Plaintext":")" : R"(,"Plaintext":")");
    SecretText::AppendBase64(*plaintext, text);
    AppendTo(text, R"("})");
    return text;
  }

 private:
  json::object members_;
};

Error Incomplete(std::string_view operation) {
  return Error(Errc::kCorrupted, fmt::format("KMS's answer to {} is not complete.", operation));
}

Result<SecretBuffer> SecretMember(const WipedJson& answer, std::string_view operation) {
  const std::string_view text = answer.Text("Plaintext");
  if (text.empty() || text.size() > Base64Size(kLargestPlaintext)) return Incomplete(operation);
  return SecretBuffer::Produce(Base64DecodedMax(text.size()), [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
    auto size = FromBase64Into(text, out);
    if (!size.ok()) return Incomplete(operation);
    return size;
  });
}

Result<Bytes> BlobMember(const WipedJson& answer, std::string_view operation) {
  auto blob = FromBase64(answer.Text("CiphertextBlob"));
  if (!blob.ok() || blob->empty() || blob->size() > kLargestCiphertext) return Incomplete(operation);
  return blob;
}

}  // namespace

struct KmsClient::Impl {
  std::string region;
  Endpoint endpoint;
  ServiceCaller caller;

  Result<ServiceAnswer> Send(std::string_view operation, const SecretString& body) {
    ServiceRequest request;
    request.service = "kms";
    request.region = region;
    request.endpoint = &endpoint;
    request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                       {"X-Amz-Target", fmt::format("TrentService.{}", operation)}};
    request.body = AsBytes(TextOf(body));
    request.timeout = kTimeout;
    request.read_error = ReadJsonError;
    return caller.Call(request);
  }

  Error Refusal(std::string_view operation, const ServiceAnswer& answer, std::string_view key_id,
                const GrantTokens& tokens) {
    const Errc errc = KmsErrc(answer.error.code, answer.response.status);
    std::string text =
        fmt::format("{}: {}", answer.error.code,
                    answer.error.message.empty() ? fmt::format("KMS refuses {}.", operation) : answer.error.message);
    std::string decision;
    if (IsOwnersDecision(errc) && !key_id.empty()) {
      if (const auto description = Describe(key_id, tokens); description.ok()) {
        const json::value* const metadata = description->object().if_contains("KeyMetadata");
        if (metadata != nullptr && metadata->is_object()) decision = OwnersDecision(metadata->get_object());
      }
    }
    if (decision.empty()) decision = OwnersDecision(errc, fmt::format("kms:{}", operation));
    if (!decision.empty()) {
      if (text.back() != '.') text += '.';
      text += ' ' + decision;
    }
    return Error(errc, std::move(text)).WithDetail(fmt::format("{} in {}, key {}", operation, region, key_id));
  }

  Result<WipedJson> Call(std::string_view operation, const SecretString& body, std::string_view key_id,
                         const GrantTokens& tokens) {
    SR_TRY(const auto answer, Send(operation, body));
    if (!answer.ok()) return Refusal(operation, answer, key_id, tokens);
    auto parsed = WipedJson::Parse(answer.response.Text());
    if (!parsed.ok()) return Incomplete(operation);
    return parsed;
  }

  /// KMS answers a dry run that is permitted with an error of its own.
  Status Permitted(std::string_view operation, const SecretString& body, std::string_view key_id,
                   const GrantTokens& tokens) {
    SR_TRY(const auto answer, Send(operation, body));
    if (answer.ok() || answer.error.code == "DryRunOperationException") return {};
    return Refusal(operation, answer, key_id, tokens);
  }

  Result<WipedJson> Describe(std::string_view key_id, const GrantTokens& tokens) {
    const Body body(key_id, {}, tokens, DryRun::kNo);
    SR_TRY(const auto answer, Send("DescribeKey", body.Take()));
    if (!answer.ok()) return Refusal("DescribeKey", answer, "", tokens);
    auto parsed = WipedJson::Parse(answer.response.Text());
    if (!parsed.ok()) return Incomplete("DescribeKey");
    return parsed;
  }
};

KmsClient::KmsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KmsClient::~KmsClient() = default;

Result<std::shared_ptr<KmsClient>> KmsClient::Create(const Aws& aws, std::string_view region,
                                                     std::string_view endpoint) {
  if (region.empty()) region = aws.config->region;
  if (region.empty()) {
    return Error(Errc::kInvalidArgument,
                 "No Region is set: set AWS_REGION, or region in the profile, or name the key by ARN.");
  }
  SR_CHECK(CheckRegion(region));
  SR_TRY(auto where, EndpointFor(*aws.config, "kms", region, endpoint));
  SR_CHECK(MustBePrivate(where, "KMS"));
  const RetryOptions retry{.max_attempts = aws.config->max_attempts.value_or(kAttempts)};
  return std::shared_ptr<KmsClient>(new KmsClient(std::unique_ptr<Impl>(new Impl{
      .region = std::string(region), .endpoint = std::move(where), .caller = {aws.http, aws.credentials, retry}})));
}

std::string_view KmsClient::Region() const noexcept { return impl_->region; }

Result<KmsDataKey> KmsClient::GenerateDataKey(std::string_view key_id, std::size_t size_bytes, const Context& context,
                                              const GrantTokens& grant_tokens) {
  Body body(key_id, context, grant_tokens, DryRun::kNo);
  body.Number("NumberOfBytes", size_bytes);
  SR_TRY(const auto answer, impl_->Call("GenerateDataKey", body.Take(), key_id, grant_tokens));
  KmsDataKey key;
  SR_TRY(key.plaintext, SecretMember(answer, "GenerateDataKey"));
  SR_TRY(key.ciphertext, BlobMember(answer, "GenerateDataKey"));
  key.key_arn = answer.Text("KeyId");
  if (key.plaintext.size() != size_bytes || key.key_arn.empty()) return Incomplete("GenerateDataKey");
  return key;
}

Result<KmsCiphertext> KmsClient::Encrypt(std::string_view key_id, const SecretBuffer& plaintext, const Context& context,
                                         const GrantTokens& grant_tokens) {
  const Body body(key_id, context, grant_tokens, DryRun::kNo);
  SR_TRY(const auto answer, impl_->Call("Encrypt", body.Take(&plaintext), key_id, grant_tokens));
  KmsCiphertext ciphertext;
  SR_TRY(ciphertext.ciphertext, BlobMember(answer, "Encrypt"));
  ciphertext.key_arn = answer.Text("KeyId");
  if (ciphertext.key_arn.empty()) return Incomplete("Encrypt");
  return ciphertext;
}

Result<KmsPlaintext> KmsClient::Decrypt(std::string_view key_id, ByteView ciphertext, const Context& context,
                                        const GrantTokens& grant_tokens) {
  if (ciphertext.empty() || ciphertext.size() > kLargestCiphertext) {
    return Error(Errc::kBadCiphertext, "An encrypted data key does not have the size of a KMS ciphertext.");
  }
  Body body(key_id, context, grant_tokens, DryRun::kNo);
  body.Text("CiphertextBlob", Base64(ciphertext));
  SR_TRY(const auto answer, impl_->Call("Decrypt", body.Take(), key_id, grant_tokens));
  KmsPlaintext plaintext;
  SR_TRY(plaintext.plaintext, SecretMember(answer, "Decrypt"));
  plaintext.key_arn = answer.Text("KeyId");
  if (plaintext.key_arn.empty()) return Incomplete("Decrypt");
  return plaintext;
}

Result<KmsKeyDescription> KmsClient::DescribeKey(std::string_view key_id, const GrantTokens& grant_tokens) {
  SR_TRY(const auto answer, impl_->Describe(key_id, grant_tokens));
  const json::value* const metadata = answer.object().if_contains("KeyMetadata");
  if (metadata == nullptr || !metadata->is_object()) return Incomplete("DescribeKey");
  const json::object& key = metadata->get_object();
  const auto text = [&](std::string_view name) { return PrintableText(WipedJson::TextIn(key, name)); };
  const json::value* const multi_region = key.if_contains("MultiRegion");
  KmsKeyDescription description{
      .arn = text("Arn"),
      .state = text("KeyState"),
      .usage = text("KeyUsage"),
      .spec = text("KeySpec"),
      .origin = text("Origin"),
      .custom_key_store = text("CustomKeyStoreId"),
      .multi_region = multi_region != nullptr && multi_region->is_bool() && multi_region->get_bool()};
  if (description.arn.empty() || description.state.empty()) return Incomplete("DescribeKey");
  return description;
}

std::vector<KmsPermission> KmsClient::CheckPermissions(std::string_view key_id, const Context& context,
                                                       const GrantTokens& grant_tokens) {
  std::vector<KmsPermission> rows;
  const auto described = DescribeKey(key_id, grant_tokens);
  rows.push_back({"kms:DescribeKey", described.ok() ? Status() : Status(described.error())});
  Body generate(key_id, context, grant_tokens, DryRun::kYes);
  generate.Number("NumberOfBytes", 32);
  rows.push_back({"kms:GenerateDataKey", impl_->Permitted("GenerateDataKey", generate.Take(), key_id, grant_tokens)});
  const bool may_generate = rows.back().allowed.ok();
  Body encrypt(key_id, context, grant_tokens, DryRun::kYes);
  encrypt.Text("Plaintext", Base64(Bytes(32)));
  rows.push_back({"kms:Encrypt", impl_->Permitted("Encrypt", encrypt.Take(), key_id, grant_tokens)});
  if (!may_generate) return rows;
  const auto data_key = GenerateDataKey(key_id, 32, context, grant_tokens);
  if (!data_key.ok()) {
    rows[1].allowed = data_key.error();
    return rows;
  }
  Body decrypt(data_key->key_arn, context, grant_tokens, DryRun::kYes);
  decrypt.Text("CiphertextBlob", Base64(data_key->ciphertext));
  rows.push_back({"kms:Decrypt", impl_->Permitted("Decrypt", decrypt.Take(), data_key->key_arn, grant_tokens)});
  return rows;
}

Result<std::shared_ptr<KmsClient>> KmsClients::ClientFor(std::string_view region) {
  if (region.empty()) region = aws_.config->region;
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(region);
  if (found != clients_.end()) return found->second;
  SR_TRY(auto client, KmsClient::Create(aws_, region, endpoint_));
  return clients_.emplace(region, std::move(client)).first->second;
}

Result<std::shared_ptr<encryption_sdk::KmsPort>> KmsClients::ForRegion(std::string_view region) {
  SR_TRY(auto client, ClientFor(region));
  return std::shared_ptr<encryption_sdk::KmsPort>(std::move(client));
}

}  // namespace strongroom::aws_client
