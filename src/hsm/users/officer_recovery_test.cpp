#include "hsm/users/officer_recovery.h"

#include "crypto/certificate.h"
#include "crypto/internal/openssl_cli_for_tests.h"

namespace strongroom::hsm {
namespace {

constexpr std::int64_t kNow = 1'790'000'000'123;
constexpr std::uint64_t kHead = 12;

SecretBuffer Secret(std::uint8_t fill) { return std::move(*SecretBuffer::CopyOf(Bytes(32, fill))); }

replica::State ClusterOf(const std::string& cluster_id, const std::string& trust_anchor) {
  replica::State state;
  const replica::Segments segments{Share(Secret(1))};
  proto::Change change;
  change.mutable_genesis()->set_cluster_id(cluster_id);
  change.mutable_genesis()->set_csr("csr");
  EXPECT_TRUE(state.Apply(change, segments).ok());
  if (!trust_anchor.empty()) {
    change.mutable_cluster_certificate()->set_certificate("certificate");
    change.mutable_cluster_certificate()->set_trust_anchor(trust_anchor);
    EXPECT_TRUE(state.Apply(change, segments).ok());
  }
  for (const auto& [name, type] : {std::pair{"admin", proto::CO}, {"second", proto::CO}, {"alice", proto::CU}}) {
    auto* put = change.mutable_user_put();
    put->mutable_user()->set_id(state.next_user_id());
    put->mutable_user()->set_name(name);
    put->mutable_user()->set_type(type);
    put->set_password_hash("hash of the password of " + std::string(name));
    EXPECT_TRUE(state.Apply(change, segments).ok());
  }
  return state;
}
void SetPassword(replica::State& state, const std::string& name, const std::string& hash) {
  proto::Change change;
  *change.mutable_user_put()->mutable_user() = state.FindUser(name)->info;
  change.mutable_user_put()->set_password_hash(hash);
  ASSERT_TRUE(state.Apply(change, {}).ok());
}
std::string Challenge(const replica::State& state, std::string_view name = "admin", std::int64_t now = kNow) {
  auto made = MakeOwnerChallenge(state, Secret(9), name, kHead, now);
  EXPECT_TRUE(made.ok()) << made.error();
  return *made;
}

TEST(OwnerChallenge, SaysToAPersonWhatIsSigned) {
  const std::string text = Challenge(ClusterOf("cluster-x", "anchor"), "ADMIN");
  EXPECT_TRUE(
      text.starts_with("Strongroom: the owner gives an officer a new password\nVersion: 1\n"
                       "Cluster: cluster-x\nOfficer: admin\nUser id: 1\nEpoch: 1\nRecord: 12\n"
                       "Valid until: 2026-09-22T14:13:20Z (1790086400)\nNonce: "))
      << text;
  EXPECT_LT(text.size(), kMaxChallengeBytes);
  EXPECT_EQ(text.find("hash"), std::string::npos);
  EXPECT_NE(text, Challenge(ClusterOf("cluster-x", "anchor"))) << "no two are the same";
}

TEST(OwnerChallenge, IsMadeForOfficersAlone) {
  const auto code = [](const replica::State& state, std::string_view name) {
    return MakeOwnerChallenge(state, Secret(9), name, kHead, kNow).error().code();
  };
  const replica::State state = ClusterOf("cluster-x", "anchor");
  EXPECT_EQ(code(state, "alice"), Errc::kPermission);
  EXPECT_EQ(code(state, "nobody"), Errc::kUserNotFound);
  EXPECT_EQ(code(ClusterOf("cluster-x", ""), "admin"), Errc::kInvalidState);
}

/// A challenge as it was made, and what has become of it, of the cluster, or of the time when it comes back.
struct Row {
  std::string name;
  Errc want;  // kCount_: good
  std::function<void(std::string& challenge, replica::State& state)> change = {};
  std::string officer = "admin";
  std::uint64_t head = kHead;
  std::int64_t later_millis = 0;
  std::uint8_t secret = 9;
};
std::function<void(std::string&, replica::State&)> Replaced(const std::string& from, const std::string& to) {
  return [=](std::string& challenge, replica::State&) { challenge.replace(challenge.find(from), from.size(), to); };
}
class CheckedChallenge : public ::testing::TestWithParam<Row> {};
TEST_P(CheckedChallenge, IsJudgedAsTheRowSays) {
  replica::State state = ClusterOf("cluster-x", "anchor");
  std::string challenge = Challenge(state);
  if (GetParam().change) GetParam().change(challenge, state);
  const auto checked = CheckOwnerChallenge(state, Secret(GetParam().secret), GetParam().officer, challenge,
                                           GetParam().head, kNow + GetParam().later_millis);
  EXPECT_EQ(checked.ok() ? Errc::kCount_ : checked.error().code(), GetParam().want);
  if (checked.ok()) {
    EXPECT_EQ((*checked)->info.name(), "admin");
  }
}
INSTANTIATE_TEST_SUITE_P(
    OwnerChallenge, CheckedChallenge,
    ::testing::Values(
        Row{"Unchanged", Errc::kCount_}, Row{.name = "NameInOtherCase", .want = Errc::kCount_, .officer = "Admin"},
        Row{.name = "OthersHaveChangedTheCluster", .want = Errc::kCount_, .head = kHead + 100},
        Row{.name = "OnItsLastDay", .want = Errc::kCount_, .later_millis = kChallengeMillis - 1000},
        Row{.name = "Expired", .want = Errc::kInvalidState, .later_millis = kChallengeMillis + 1},
        Row{.name = "ForAnotherOfficer", .want = Errc::kInvalidArgument, .officer = "second"},
        Row{.name = "ForACryptoUser", .want = Errc::kPermission, .officer = "alice"},
        Row{.name = "ForNobody", .want = Errc::kUserNotFound, .officer = "nobody"},
        Row{.name = "LogBehindIt", .want = Errc::kStale, .head = kHead - 1},
        Row{.name = "OtherSecret", .want = Errc::kInvalidState, .secret = 8},
        Row{"UsedUp", Errc::kInvalidState,
            [](std::string&, replica::State& state) { SetPassword(state, "admin", "another"); }},
        Row{"AnotherOfficersPasswordIsNothingToIt", Errc::kCount_,
            [](std::string&, replica::State& state) { SetPassword(state, "second", "another"); }},
        Row{"EpochOver", Errc::kInvalidState,
            [](std::string&, replica::State& state) {
              proto::Change change;
              change.mutable_epoch_started()->set_epoch(2);
              ASSERT_TRUE(state.Apply(change, {}).ok());
            }},
        Row{"AnotherClusters", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge = Challenge(ClusterOf("cluster-y", "anchor")); }},
        Row{"LongerValid", Errc::kInvalidArgument, Replaced("(1790086400)", "(1790086401)")},
        Row{"LongerValidInBothPlaces", Errc::kInvalidState,
            Replaced("2026-09-22T14:13:20Z (1790086400)", "2026-09-22T14:13:21Z (1790086401)")},
        Row{"EarlierRecord", Errc::kInvalidState, Replaced("Record: 12", "Record: 11")},
        Row{"LeadingZero", Errc::kInvalidArgument, Replaced("Record: 12", "Record: 012")},
        Row{"NumberTooLarge", Errc::kInvalidArgument, Replaced("Record: 12", "Record: 99999999999999999999")},
        Row{"OtherVersion", Errc::kInvalidArgument, Replaced("Version: 1", "Version: 2")},
        Row{"OtherTitle", Errc::kInvalidArgument, Replaced("new password", "gold watch")},
        Row{"OtherNonce", Errc::kInvalidState,
            [](std::string& challenge, replica::State&) {
              char& digit = challenge[challenge.find("Nonce: ") + 7];
              digit = digit == '0' ? '1' : '0';
            }},
        Row{"OtherCheck", Errc::kInvalidState,
            [](std::string& challenge, replica::State&) {
              char& digit = challenge[challenge.find("Check: ") + 7];
              digit = digit == '0' ? '1' : '0';
            }},
        Row{"CheckCutOff", Errc::kInvalidState,
            [](std::string& challenge, replica::State&) { challenge.resize(challenge.size() - 2), challenge += '\n'; }},
        Row{"NoCheck", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge.resize(challenge.find("Check: ")); }},
        Row{"LastLineNotEnded", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge.pop_back(); }},
        Row{"LineMore", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge += "Officer: second\n"; }},
        Row{"WindowsLineEnds", Errc::kInvalidArgument, Replaced("\nVersion", "\r\nVersion")},
        Row{"Empty", Errc::kInvalidArgument, [](std::string& challenge, replica::State&) { challenge.clear(); }},
        Row{"Garbage", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge = std::string(700, '\xff'); }},
        Row{"TooLong", Errc::kInvalidArgument,
            [](std::string& challenge, replica::State&) { challenge += std::string(kMaxChallengeBytes, '\n'); }}),
    [](const auto& info) { return info.param.name; });

/// What openssl makes of keys of each kind that a customer CA may have.
struct KeyRow {
  std::string name, make_key;
  Errc want;
};
class OwnerSignature : public crypto::OpenSslCli, public ::testing::WithParamInterface<KeyRow> {};
TEST_P(OwnerSignature, IsOneOfOpensslsOrNone) {
  OpenSsl("genpkey -quiet -out ca.key " + GetParam().make_key);
  OpenSsl("req -x509 -new -key ca.key -out ca.crt -days 3650 -subj /CN=ca");
  OpenSsl("genpkey -quiet -out other.key " + GetParam().make_key);
  const auto anchor = crypto::Certificate::FromPem(Read("ca.crt"));
  ASSERT_TRUE(anchor.ok()) << anchor.error();
  const std::string challenge = Challenge(ClusterOf("cluster-x", "anchor"));
  Write("challenge", challenge);
  OpenSsl("dgst -sha256 -sign ca.key -out right challenge");
  OpenSsl("dgst -sha256 -sign other.key -out wrong challenge");
  OpenSsl("dgst -sha384 -sign ca.key -out sha384 challenge");
  const auto code = [&](std::string_view text, const std::string& signature) {
    const Status verified = VerifyOwnerSignature(anchor->ToDer(), text, AsBytes(signature));
    return verified.ok() ? Errc::kCount_ : verified.error().code();
  };
  EXPECT_EQ(code(challenge, Read("right")), GetParam().want);
  if (GetParam().want != Errc::kCount_) return;
  EXPECT_EQ(code(challenge, Read("wrong")), Errc::kBadSignature);
  EXPECT_EQ(code(challenge, Read("sha384")), Errc::kBadSignature);
  EXPECT_EQ(code(challenge + "\n", Read("right")), Errc::kBadSignature);
  EXPECT_EQ(code(challenge, Read("right") + "\n"), Errc::kBadSignature);
  EXPECT_EQ(code(challenge, ""), Errc::kBadSignature);
  EXPECT_EQ(code(challenge, std::string(kMaxOwnerSignatureBytes, 'x')), Errc::kBadSignature);
}
INSTANTIATE_TEST_SUITE_P(
    Openssl, OwnerSignature,
    ::testing::Values(KeyRow{"Rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", Errc::kCount_},
                      KeyRow{"Rsa4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096", Errc::kCount_},
                      KeyRow{"P256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", Errc::kCount_},
                      KeyRow{"P384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", Errc::kCount_},
                      KeyRow{"Ed25519", "-algorithm ED25519", Errc::kUnsupported}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::hsm
