#include "hsm/users/officer_recovery.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "hsm/replica/sealed_body.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kCheck = "Check: ";

struct Challenge {
  std::string cluster_id, officer;
  std::uint64_t user_id = 0, epoch = 0, record = 0, valid_until = 0;  // seconds since 1970
  std::string nonce;                                                  // hex
};

/// All but the check.
std::string Render(const Challenge& challenge) {
  return fmt::format(
      "Strongroom: the owner gives an officer a new password\nVersion: 1\nCluster: {}\nOfficer: {}\nUser id: {}\n"
      "Epoch: {}\nRecord: {}\nValid until: {:%Y-%m-%dT%H:%M:%SZ} ({})\nNonce: {}\n",
      challenge.cluster_id, challenge.officer, challenge.user_id, challenge.epoch, challenge.record,
      fmt::gmtime(static_cast<std::time_t>(challenge.valid_until)), challenge.valid_until, challenge.nonce);
}

Error NoChallenge() {
  return Error(Errc::kInvalidArgument, "This is no challenge: it must be the file as it was written, unchanged.");
}
Error UsedUp() {
  return Error(Errc::kInvalidState,
               "The challenge was changed, or is used up: the officer has got a password since. Get a new one.");
}

/// The rest of the line that begins with `name`; moves behind it.
std::optional<std::string_view> TakeLine(std::string_view& text, std::string_view name) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name)) return std::nullopt;
  const std::string_view value = text.substr(name.size(), end - name.size());
  text.remove_prefix(end + 1);
  return value;
}
std::optional<std::uint64_t> Number(std::optional<std::string_view> digits) {
  std::uint64_t value = 0;
  if (!digits) return std::nullopt;
  const auto [end, failed] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (failed != std::errc() || end != digits->data() + digits->size()) return std::nullopt;
  return value;
}
std::optional<std::string_view> InBrackets(std::optional<std::string_view> text) {
  if (!text || !text->ends_with(')') || text->find('(') == std::string_view::npos) return std::nullopt;
  const auto begin = text->find('(') + 1;
  return text->substr(begin, text->size() - begin - 1);
}

/// Takes the text apart. What is written in another way than Render writes it is refused, so one challenge has one
/// form.
std::optional<Challenge> Parse(std::string_view text) {
  if (text.size() > kMaxChallengeBytes) return std::nullopt;
  std::string_view rest = text;
  Challenge challenge;
  if (!TakeLine(rest, "Strongroom: ") || !TakeLine(rest, "Version: 1")) return std::nullopt;
  challenge.cluster_id = TakeLine(rest, "Cluster: ").value_or("");
  challenge.officer = TakeLine(rest, "Officer: ").value_or("");
  const auto user_id = Number(TakeLine(rest, "User id: "));
  const auto epoch = Number(TakeLine(rest, "Epoch: "));
  const auto record = Number(TakeLine(rest, "Record: "));
  const auto valid_until = Number(InBrackets(TakeLine(rest, "Valid until: ")));
  challenge.nonce = TakeLine(rest, "Nonce: ").value_or("");
  constexpr std::uint64_t kYear9999 = 253'402'300'799;
  if (!user_id || !epoch || !record || !valid_until || *valid_until > kYear9999) return std::nullopt;
  challenge.user_id = *user_id;
  challenge.epoch = *epoch;
  challenge.record = *record;
  challenge.valid_until = *valid_until;
  const std::string_view before_check = text.substr(0, text.size() - rest.size());
  if (!TakeLine(rest, kCheck) || !rest.empty() || Render(challenge) != before_check) return std::nullopt;
  return challenge;
}

/// The MAC over the text and the officer's password hash, which is another one after each change.
Result<std::string> CheckOf(const SecretBuffer& epoch_secret, std::string_view rendered, const replica::User& officer) {
  SR_TRY(const SecretBuffer key,
         crypto::HkdfSha256(epoch_secret, {}, replica::Purpose("strongroom owner challenge v1"), 32));
  return Hex(crypto::HmacSha256(key, {AsBytes(rendered), AsBytes(officer.password_hash)}));
}

Result<const replica::User*> Officer(const replica::State& state, std::string_view name) {
  if (state.identity().domain || state.identity().trust_anchor.empty())
    return Error(Errc::kInvalidState, "The cluster has no owner's certificate.");
  const replica::User* user = state.FindUser(name);
  if (user == nullptr) return Error(Errc::kUserNotFound, "There is no such user.");
  if (user->info.type() != proto::CO)
    return Error(Errc::kPermission, "Only a crypto officer gets a new password in this way.");
  return user;
}

}  // namespace

Result<std::string> MakeOwnerChallenge(const replica::State& state, const SecretBuffer& epoch_secret,
                                       std::string_view name, std::uint64_t head, std::int64_t now_millis) {
  SR_TRY(const replica::User* officer, Officer(state, name));
  std::array<std::uint8_t, 16> nonce{};
  SR_CHECK(crypto::Random(nonce));
  Challenge challenge;
  challenge.cluster_id = state.identity().cluster_id;
  challenge.officer = officer->info.name();
  challenge.user_id = officer->info.id();
  challenge.epoch = state.epoch();
  challenge.record = head;
  challenge.valid_until = static_cast<std::uint64_t>((now_millis + kChallengeMillis) / 1000);
  challenge.nonce = Hex(nonce);
  std::string text = Render(challenge);
  SR_TRY(const std::string check, CheckOf(epoch_secret, text, *officer));
  return text.append(kCheck).append(check).append("\n");
}

Result<const replica::User*> CheckOwnerChallenge(const replica::State& state, const SecretBuffer& epoch_secret,
                                                 std::string_view name, std::string_view challenge, std::uint64_t head,
                                                 std::int64_t now_millis) {
  SR_TRY(const replica::User* officer, Officer(state, name));
  const auto parsed = Parse(challenge);
  if (!parsed) return NoChallenge();
  if (parsed->cluster_id != state.identity().cluster_id)
    return Error(Errc::kInvalidArgument, "The challenge is another cluster's.");
  if (parsed->user_id != officer->info.id() || !SameUserName(parsed->officer, name))
    return Error(Errc::kInvalidArgument, "The challenge is for another officer.");
  if (parsed->epoch != state.epoch())
    return Error(Errc::kInvalidState, "The cluster's HSMs are others than when the challenge was made. Get a new one.");
  const std::string rendered = Render(*parsed);
  SR_TRY(const std::string check, CheckOf(epoch_secret, rendered, *officer));
  const std::string_view given = challenge.substr(rendered.size() + kCheck.size(), check.size());
  if (!crypto::ConstantTimeEqual(AsBytes(check), AsBytes(given)) ||
      challenge.size() != rendered.size() + kCheck.size() + check.size() + 1)
    return UsedUp();
  if (static_cast<std::int64_t>(parsed->valid_until) * 1000 < now_millis)
    return Error(Errc::kInvalidState, "The challenge has expired. Get a new one.");
  if (parsed->record > head)
    return Error(Errc::kStale, "This HSM does not have all that the cluster had when the challenge was made.");
  return officer;
}

Status VerifyOwnerSignature(ByteView trust_anchor, std::string_view challenge, ByteView signature) {
  SR_TRY(const crypto::Certificate anchor, crypto::Certificate::FromDer(trust_anchor));
  SR_TRY(const crypto::PublicKey key, anchor.public_key());
  if (!crypto::IsRsa(key.spec()) && !crypto::IsEc(key.spec()))
    return Error(Errc::kUnsupported, "The customer CA's key is of a kind that does not sign with SHA-256.");
  const auto scheme =
      crypto::IsRsa(key.spec()) ? crypto::SignatureScheme::kPkcs1Sha256 : crypto::SignatureScheme::kEcdsaSha256;
  if (key.Verify(scheme, crypto::MessageForm::kRaw, AsBytes(challenge), signature).ok()) return {};
  return Error(Errc::kBadSignature, "The signature is not one of the customer CA's key over this challenge.");
}

}  // namespace strongroom::hsm
