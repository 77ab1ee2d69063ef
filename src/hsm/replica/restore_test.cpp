#include <boost/asio/post.hpp>
#include <map>

#include "base/testing/temporary_directory.h"
#include "hsm/replica/record.h"
#include "hsm/replica/testing/test_cluster.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

using testing::AddKey;
using testing::Await;
using testing::MemberOf;

constexpr char kDomain[] = "cluster-ddddddddddd";
constexpr char kCustomer[] = "cluster-ccccccccccc";
constexpr char kCopy[] = "cluster-nnnnnnnnnnn";
constexpr char kBackup[] = "backup-bbbbbbbbbbb";

/// A store whose logs may begin anywhere, with the way to the deployment backup key.
struct Shelf {
  struct Cluster {
    std::map<std::uint64_t, Bytes> records;
    StoredSnapshot newest;
  };
  std::map<std::string, Cluster> clusters;
  SourceBackup source;
  State domain;  // whose backup key releases
  int released = 0;
};

class ShelfLink final : public StoreLink {
 public:
  explicit ShelfLink(Shelf& shelf) : shelf_(shelf) {}

  Task<Offer> Append(std::string cluster_id, std::uint64_t number, Bytes, Bytes record) override {
    co_await Yield();
    auto& cluster = shelf_.clusters[cluster_id];
    const auto [at, fresh] = cluster.records.try_emplace(number, record);
    Offer offer;
    offer.outcome = fresh || at->second == record ? Offer::Outcome::kAppended : Offer::Outcome::kLost;
    if (offer.outcome == Offer::Outcome::kLost) offer.rows = From(cluster, number);
    co_return offer;
  }
  Task<Result<Rows>> Read(std::string cluster_id, std::uint64_t from) override {
    co_await Yield();
    const auto& cluster = shelf_.clusters[cluster_id];
    Rows rows{From(cluster, from), cluster.records.empty() ? 0 : cluster.records.rbegin()->first};
    co_return rows;
  }
  Task<Status> PutSnapshot(std::string cluster_id, std::uint64_t number, std::string, std::string,
                           Bytes data) override {
    co_await Yield();
    shelf_.clusters[cluster_id].newest = {number, std::move(data)};
    co_return Status{};
  }
  Task<Result<StoredSnapshot>> GetSnapshot(std::string cluster_id) override {
    co_await Yield();
    co_return shelf_.clusters[cluster_id].newest;
  }
  Task<Result<SourceBackup>> GetBackup(std::string, std::string backup_id) override {
    co_await Yield();
    if (backup_id != kBackup) co_return Error(Errc::kPermission, "another backup");
    co_return shelf_.source;
  }
  Task<Result<std::vector<proto::BackupWrapped>>> ReleaseKeys(std::string cluster_id, Bytes device_certificate,
                                                              std::vector<proto::BackupWrapped> wrapped) override {
    co_await Yield();
    ++shelf_.released;
    const Identity& identity = shelf_.domain.identity();
    SR_CO_TRY(const auto device, CheckMemberCertificate(device_certificate, identity.manufacturer_root, NowMillis()));
    SR_CO_TRY(const auto key, crypto::PrivateKey::FromPkcs8(*identity.backup_key));
    std::vector<proto::BackupWrapped> released;
    for (const auto& each : wrapped) {
      SR_CO_TRY(proto::BackupWrapped answer, Release(each, key, device, cluster_id));
      released.push_back(std::move(answer));
    }
    co_return released;
  }
  static std::int64_t NowMillis() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

 private:
  static Task<void> Yield() {
    constexpr boost::asio::use_awaitable_t<LoopExecutor> kToken;
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, kToken);
  }
  static std::vector<StoredRecord> From(const Shelf::Cluster& cluster, std::uint64_t from) {
    std::vector<StoredRecord> rows;
    for (auto at = cluster.records.lower_bound(from); at != cluster.records.end() && rows.size() < 3; ++at)
      rows.push_back({at->first, at->second});
    return rows;
  }
  Shelf& shelf_;
};

struct Hsm {
  Hsm(Loop& the_loop, Shelf& shelf, std::string id) : loop(the_loop), hsm_id(std::move(id)), link(shelf) {}

  Status Open() {
    replica.reset();
    ReplicaOptions options;
    options.directory = directory.path();
    options.hsm_id = hsm_id;
    options.root_key = testing::RootKey();
    options.now_millis = &ShelfLink::NowMillis;
    options.poll = std::chrono::hours(1);
    options.maintenance = maintenance;
    options.recovery_key = recovery_key;
    options.on_stopped = [this](const Error& why) { stopped = why; };
    options.die_at = [this](Step step) { return die_at == step; };
    auto opened = Replica::Open(loop, link, std::move(options));
    if (!opened.ok()) return opened.error();
    replica = std::move(*opened);
    return {};
  }
  Status Add(const std::string& label) {
    auto added = Await(loop, replica->Change(nullptr, wire::Command::kGenerateKey, AddKey(label)));
    return added.ok() ? Status() : Status(added.error());
  }
  Status Restore(const std::string& cluster_id, bool domain, const std::string& backup_id = {}) {
    proto::RestoreCluster request;
    request.set_cluster_id(cluster_id);
    *request.mutable_self() = MemberOf(hsm_id);
    request.set_domain(domain);
    request.set_backup_id(backup_id);
    if (domain) {
      request.set_front_end_public_key(std::string(AsText(FrontEnd().ToSpki())));
      request.set_front_end_name("new");
    }
    return Await(loop, replica->RestoreCluster(std::move(request)));
  }
  Status Certified(const State& domain) {
    SR_TRY(const Bytes csr, Await(loop, replica->DeviceRequest()));
    SR_TRY(const auto certified, CertifyDevice(domain, csr));
    proto::InstallDevice install;
    install.set_aws_hardware_certificate(certified.aws_hardware_certificate());
    install.set_manufacturer_hardware_certificate(certified.manufacturer_hardware_certificate());
    install.set_aws_root(certified.aws_root());
    install.set_manufacturer_root(certified.manufacturer_root());
    install.set_backup_certificate(certified.backup_certificate());
    return Await(loop, replica->InstallDevice(std::move(install)));
  }
  static const crypto::PublicKey& FrontEnd() {
    static const crypto::PublicKey key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256)->public_key();
    return key;
  }
  const State& state() const { return replica->state(); }

  Loop& loop;
  TemporaryDirectory directory;
  std::string hsm_id;
  ShelfLink link;
  bool maintenance = false;
  std::optional<crypto::PrivateKey> recovery_key;
  std::optional<Step> die_at;
  std::optional<Error> stopped;
  std::unique_ptr<Replica> replica;
};

const crypto::PrivateKey& RecoveryKey() {
  static const crypto::PrivateKey key = *crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
  return key;
}
const crypto::PrivateKey& OtherKey() {
  static const crypto::PrivateKey key = *crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
  return key;
}
std::string SpkiOf(const crypto::PrivateKey& key) { return std::string(AsText(key.public_key().ToSpki())); }

class RestoreTest : public ::testing::Test {
 protected:
  RestoreTest() : a(loop, shelf, "hsm-a"), c(loop, shelf, "hsm-c"), z(loop, shelf, "hsm-z") {}

  void SetUp() override {
    static const Master master;
    ASSERT_EQ(master.failure, "");
    shelf = master.shelf;
    std::filesystem::copy(master.directory.path(), a.directory.path(), testing::kCopy);
    a.maintenance = true;
    for (Hsm* hsm : {&a, &c, &z}) ASSERT_TRUE(hsm->Open().ok());
  }
  /// A customer's cluster on c with two keys, a snapshot, and a third key after it.
  void MakeCustomer() {
    ASSERT_TRUE(c.Certified(shelf.domain).ok());
    proto::CreateCluster create;
    create.set_cluster_id(kCustomer);
    *create.mutable_self() = MemberOf("hsm-c");
    const Status created = Await(loop, c.replica->CreateCluster(std::move(create)));
    ASSERT_TRUE(created.ok()) << created.error();
    ASSERT_TRUE(c.Add("one").ok());
    ASSERT_TRUE(c.Add("two").ok());
    ASSERT_TRUE(Await(loop, c.replica->MakeSnapshot("test", kBackup)).ok());
    ASSERT_TRUE(c.Add("three").ok());
  }
  static std::vector<std::string> Labels(const State& state) {
    std::vector<std::string> labels;
    for (const auto& [handle, key] : state.keys()) labels.push_back(key->info.label());
    return labels;
  }

  Loop loop;
  Shelf shelf;
  Hsm a, c, z;

 private:
  /// The domain cluster on a. Made once per process, since key generation is slow, and copied for each test.
  struct Master {
    Master() {
      Loop loop;
      Hsm first(loop, shelf, "hsm-a");
      Status made = first.Open();
      if (made.ok()) {
        auto create = testing::DomainCreation("hsm-a");
        create.set_cluster_id(kDomain);
        create.set_recovery_public_key(SpkiOf(RecoveryKey()));
        made = Await(loop, first.replica->CreateCluster(std::move(create)));
      }
      if (!made.ok()) {
        failure = made.error().ForLog();
        return;
      }
      shelf.domain = first.state();
      std::filesystem::copy(first.directory.path(), directory.path(), testing::kCopy);
    }
    TemporaryDirectory directory;
    Shelf shelf;
    std::string failure;
  };
};

TEST_F(RestoreTest, TheDomainClusterComesBackWithTheRecoveryKeyAlone) {
  ASSERT_TRUE(a.Add("one").ok());
  ASSERT_TRUE(Await(loop, a.replica->MakeSnapshot("test", kBackup)).ok());
  ASSERT_TRUE(a.Add("two").ok());
  const std::uint64_t epoch = a.state().epoch();
  const auto domain_keys = a.state().domain_keys().size();
  z.recovery_key = RecoveryKey();
  ASSERT_TRUE(z.Open().ok());
  const Status restored = z.Restore(kDomain, true);
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_TRUE(z.replica->serving());
  EXPECT_EQ(Labels(z.state()), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(z.state().epoch(), epoch + 1);
  EXPECT_EQ(z.state().members().size(), 1U);
  EXPECT_EQ(z.state().domain_keys().size(), domain_keys);
  ASSERT_EQ(z.state().front_ends().size(), 1U);
  EXPECT_EQ(z.state().front_ends().begin()->first, Hsm::FrontEnd().ToSpki());
  ASSERT_TRUE(z.Add("three").ok());
  EXPECT_TRUE(z.Restore(kDomain, true).ok()) << "a repeat";
  EXPECT_EQ(z.state().epoch(), epoch + 1);

  // Without the key it is an HSM like any other, also after a restart.
  z.recovery_key.reset();
  ASSERT_TRUE(z.Open().ok());
  EXPECT_TRUE(z.replica->serving());
  EXPECT_EQ(Labels(z.state()).size(), 3U);

  // The one that was thought lost learns that it is a member no more.
  (void)Await(loop, a.replica->CatchUp(Reason::kForced));
  EXPECT_FALSE(a.replica->serving());
}

TEST_F(RestoreTest, OtherKeysAndOrdinaryStartsAreRefused) {
  EXPECT_EQ(z.Restore(kDomain, true).error().code(), Errc::kPermission);
  z.recovery_key = OtherKey();
  ASSERT_TRUE(z.Open().ok());
  EXPECT_EQ(z.Restore(kDomain, true).error().code(), Errc::kUntrusted);
  EXPECT_EQ(z.state().lifecycle(), proto::EMPTY);
  EXPECT_EQ(z.Restore(kCustomer, false).error().code(), Errc::kPermission);
  z.recovery_key = RecoveryKey();
  ASSERT_TRUE(z.Open().ok());
  EXPECT_EQ(z.Restore("cluster-unknownaaaa", true).error().code(), Errc::kNotFound);
  EXPECT_TRUE(z.Restore(kDomain, true).ok());
}

TEST_F(RestoreTest, AReplacedRecoveryKeyOpensEverythingAndTheOldOneNothingNew) {
  a.maintenance = false;
  ASSERT_TRUE(a.Open().ok());
  EXPECT_EQ(Await(loop, a.replica->ReplaceRecoveryKey(SpkiOf(OtherKey()))).error().code(), Errc::kPermission);
  a.maintenance = true;
  ASSERT_TRUE(a.Open().ok());
  EXPECT_EQ(Await(loop, a.replica->ReplaceRecoveryKey("nonsense")).error().code(), Errc::kInvalidArgument);
  const std::uint64_t epoch = a.state().epoch();
  const Status replaced = Await(loop, a.replica->ReplaceRecoveryKey(SpkiOf(OtherKey())));
  ASSERT_TRUE(replaced.ok()) << replaced.error();
  EXPECT_EQ(a.state().epoch(), epoch + 1);
  EXPECT_TRUE(Await(loop, a.replica->ReplaceRecoveryKey(SpkiOf(OtherKey()))).ok()) << "a repeat";
  EXPECT_EQ(a.state().epoch(), epoch + 1);
  ASSERT_TRUE(a.Add("after").ok());
  z.recovery_key = RecoveryKey();
  ASSERT_TRUE(z.Open().ok());
  EXPECT_FALSE(z.Restore(kDomain, true).ok());
  EXPECT_EQ(z.state().lifecycle(), proto::EMPTY);
  z.recovery_key = OtherKey();
  ASSERT_TRUE(z.Open().ok());
  const Status restored = z.Restore(kDomain, true);
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_EQ(Labels(z.state()), std::vector<std::string>{"after"});
}

TEST_F(RestoreTest, ACustomersClusterLosesNothingThatWasAcknowledged) {
  MakeCustomer();
  const auto users = c.state().users().size();
  ASSERT_TRUE(z.Certified(shelf.domain).ok());
  const Status restored = z.Restore(kCustomer, false);
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_EQ(Labels(z.state()), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(z.state().users().size(), users);
  EXPECT_EQ(z.state().members().size(), 1U);
  EXPECT_TRUE(z.state().members().contains("hsm-z"));
  EXPECT_GT(shelf.released, 0);

  // From the log alone, a second time, by another device.
  ASSERT_TRUE(z.Add("four").ok());
  shelf.clusters[kCustomer].newest = {};
  Hsm y(loop, shelf, "hsm-y");
  ASSERT_TRUE(y.Open().ok());
  ASSERT_TRUE(y.Certified(shelf.domain).ok());
  const Status again = y.Restore(kCustomer, false);
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(Labels(y.state()).size(), 4U);
}

TEST_F(RestoreTest, OnlyCertifiedDevicesAndWholeBackupsAreServed) {
  MakeCustomer();
  EXPECT_EQ(z.Restore(kCustomer, false).error().code(), Errc::kInvalidState) << "not certified";
  ASSERT_TRUE(z.Certified(shelf.domain).ok());
  EXPECT_EQ(z.Restore("cluster-unknownaaaa", false).error().code(), Errc::kNotFound);
  const StoredSnapshot good = shelf.clusters[kCustomer].newest;
  shelf.clusters[kCustomer].newest.data.back() ^= 1;
  EXPECT_EQ(z.Restore(kCustomer, false).error().code(), Errc::kCorrupted);
  EXPECT_EQ(z.state().lifecycle(), proto::EMPTY);
  shelf.clusters[kCustomer].newest.data.resize(60);
  EXPECT_EQ(z.Restore(kCustomer, false).error().code(), Errc::kCorrupted);
  shelf.clusters[kCustomer].newest = good;
  const Status restored = z.Restore(kCustomer, false);
  EXPECT_TRUE(restored.ok()) << restored.error();
}

TEST_F(RestoreTest, AClusterIsMadeFromAnothersBackup) {
  MakeCustomer();
  shelf.source = {kCustomer, shelf.clusters[kCustomer].newest};
  shelf.clusters.erase(kCustomer);
  ASSERT_TRUE(z.Certified(shelf.domain).ok());
  EXPECT_EQ(z.Restore(kCopy, false, "backup-otherotheraa").error().code(), Errc::kPermission);
  const Status restored = z.Restore(kCopy, false, kBackup);
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_EQ(z.state().identity().cluster_id, kCopy);
  EXPECT_EQ(Labels(z.state()), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(z.state().members().size(), 1U);
  ASSERT_TRUE(z.Add("three").ok());

  // It is a cluster like any other: the next HSM joins it, and it has backups of its own.
  Hsm y(loop, shelf, "hsm-y");
  ASSERT_TRUE(y.Open().ok());
  ASSERT_TRUE(y.Certified(shelf.domain).ok());
  proto::AdmitMember admit;
  *admit.mutable_member() = MemberOf("hsm-y");
  admit.mutable_member()->set_feature_level(y.replica->HsmStatus().feature_level());
  admit.set_device_certificate(std::string(AsText(y.replica->device().certificates().manufacturer_hardware)));
  ASSERT_TRUE(Await(loop, z.replica->AdmitMember(std::move(admit))).ok());
  proto::JoinCluster join;
  join.set_cluster_id(kCopy);
  *join.mutable_self() = MemberOf("hsm-y");
  const Status joined = Await(loop, y.replica->JoinCluster(std::move(join)));
  ASSERT_TRUE(joined.ok()) << joined.error();
  EXPECT_EQ(y.state().Digest(), z.state().Digest());
}

struct Crash {
  std::string name;
  Step step;
};
class CrashInRestore : public RestoreTest, public ::testing::WithParamInterface<Crash> {};
TEST_P(CrashInRestore, IsFollowedByOneThatEnds) {
  MakeCustomer();
  ASSERT_TRUE(z.Certified(shelf.domain).ok());
  z.die_at = GetParam().step;
  EXPECT_FALSE(z.Restore(kCustomer, false).ok());
  z.die_at.reset();
  ASSERT_TRUE(z.Open().ok());
  const Status restored = z.Restore(kCustomer, false);
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_TRUE(z.replica->serving());
  EXPECT_EQ(Labels(z.state()).size(), 3U);
  EXPECT_EQ(z.state().members().size(), 1U);
}
INSTANTIATE_TEST_SUITE_P(Steps, CrashInRestore,
                         ::testing::Values(Crash{"WrittenAhead", Step::kWrittenAhead}, Crash{"Offered", Step::kOffered},
                                           Crash{"Marked", Step::kMarked}, Crash{"Applied", Step::kApplied}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::hsm::replica
