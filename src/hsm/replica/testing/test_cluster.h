#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "base/testing/temporary_directory.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/replica.h"
#include "hsm/replica/testing/memory_store.h"

namespace strongroom::hsm::replica::testing {

template <typename T>
Task<void> Into(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

/// Runs the loop until the task has ended.
template <typename T>
T Await(Loop& loop, Task<T> task) {
  std::optional<T> out;
  boost::asio::co_spawn(loop, Into(std::move(task), out), boost::asio::detached);
  loop.restart();
  while (!out && loop.run_one() > 0) {
  }
  return std::move(*out);
}

/// Runs the loop until the condition holds. A test's own time limit ends what never comes.
template <typename Condition>
void RunUntil(Loop& loop, Condition condition) {
  loop.restart();
  while (!condition() && loop.run_one() > 0) {
  }
}

inline SharedSecret RootKey(std::uint8_t fill = 7) { return Share(std::move(*SecretBuffer::CopyOf(Bytes(32, fill)))); }

inline Bytes FileBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}
inline void WriteBytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// One HSM: its directory outlives its process, as it were.
struct TestHsm {
  TestHsm(Loop& the_loop, std::shared_ptr<MemoryStore> store, std::string id)
      : loop(the_loop), hsm_id(std::move(id)), link(std::move(store)) {}

  Status Open() {
    replica.reset();
    ReplicaOptions options = extra;
    options.directory = directory.path();
    options.hsm_id = hsm_id;
    options.root_key = RootKey();
    options.now_millis = [this] { return *now_millis; };
    options.on_stopped = [this](const Error& why) { stopped = why; };
    options.on_membership = [this] { ++membership_calls; };
    options.on_lifecycle = [this] { ++lifecycle_calls; };
    options.die_at = [this](Step step) { return die_at == step; };
    options.negative_answers_at_most_every = std::chrono::milliseconds(0);
    options.poll = std::chrono::hours(1);
    auto opened = Replica::Open(loop, link, std::move(options));
    if (!opened.ok()) return opened.error();
    replica = std::move(*opened);
    return {};
  }
  void Kill() {
    replica.reset();
    die_at.reset();
  }
  const State& state() const { return replica->state(); }

  Loop& loop;
  TemporaryDirectory directory;
  std::string hsm_id;
  MemoryLink link;
  ReplicaOptions extra;
  std::shared_ptr<std::int64_t> now_millis = std::make_shared<std::int64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  std::optional<Step> die_at;
  std::optional<Error> stopped;
  int membership_calls = 0, lifecycle_calls = 0;
  std::unique_ptr<Replica> replica;
};

inline proto::Member MemberOf(const std::string& hsm_id) {
  proto::Member member;
  member.set_hsm_id(hsm_id);
  member.set_address("127.1.2.3");
  member.set_zone("a");
  return member;
}

inline wire::ClientId ClientIdOf(std::uint32_t number) {
  wire::ClientId id{};
  for (int i = 0; i < 4; ++i) id[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  id[15] = 1;
  return id;
}

/// A change as a command makes it: one more key with this label, whose handle is the answer.
inline Decide AddKey(std::string label) {
  return [label](const State& state) -> Result<Proposal> {
    for (const auto& [handle, key] : state.keys())
      if (key->info.label() == label) return Error(Errc::kAlreadyExists, "The label is taken.");
    Proposal proposal;
    auto* put = proposal.changes.emplace_back().mutable_key_put();
    put->mutable_key()->set_handle(state.next_handle());
    put->mutable_key()->set_label(label);
    put->mutable_key()->set_key_class(proto::SECRET);
    put->set_segment(0);
    SR_TRY(SecretBuffer material, SecretBuffer::CopyOf(AsBytes("material of " + label)));
    proposal.segments.push_back(Share(std::move(material)));
    proposal.answer = ToBytes(AsBytes(std::to_string(state.next_handle())));
    return proposal;
  };
}

inline Task<Result<Bytes>> AddKeyTo(TestHsm& hsm, std::string label, std::optional<wire::ClientId> client = {}) {
  co_return co_await hsm.replica->Change(client ? &*client : nullptr, wire::Command::kGenerateKey,
                                         AddKey(std::move(label)));
}

inline int CountLabel(const State& state, const std::string& label) {
  int count = 0;
  for (const auto& [handle, key] : state.keys()) count += key->info.label() == label;
  return count;
}

inline constexpr char kClusterId[] = "cluster-abcdefghijk";
inline constexpr auto kCopy =
    std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;

/// Certifies, admits and joins `fresh` by way of `member` (of the domain cluster).
inline Status Certify(Loop& loop, TestHsm& member, TestHsm& fresh) {
  SR_TRY(const Bytes csr, Await(loop, fresh.replica->DeviceRequest()));
  SR_TRY(const auto certified, CertifyDevice(member.state(), csr));
  proto::InstallDevice install;
  install.set_aws_hardware_certificate(certified.aws_hardware_certificate());
  install.set_manufacturer_hardware_certificate(certified.manufacturer_hardware_certificate());
  install.set_aws_root(certified.aws_root());
  install.set_manufacturer_root(certified.manufacturer_root());
  return Await(loop, fresh.replica->InstallDevice(std::move(install)));
}
inline proto::AdmitMember AdmissionOf(TestHsm& fresh) {
  proto::AdmitMember admit;
  *admit.mutable_member() = MemberOf(fresh.hsm_id);
  admit.mutable_member()->set_feature_level(fresh.replica->HsmStatus().feature_level());
  admit.set_device_certificate(std::string(AsText(fresh.replica->device().certificates().manufacturer_hardware)));
  return admit;
}
inline proto::JoinCluster JoiningOf(TestHsm& fresh) {
  proto::JoinCluster join;
  join.set_cluster_id(kClusterId);
  *join.mutable_self() = MemberOf(fresh.hsm_id);
  return join;
}
inline Status Join(Loop& loop, TestHsm& member, TestHsm& fresh) {
  SR_CHECK(Certify(loop, member, fresh));
  SR_CHECK(Await(loop, member.replica->AdmitMember(AdmissionOf(fresh))));
  return Await(loop, fresh.replica->JoinCluster(JoiningOf(fresh)));
}

/// A domain cluster of two HSMs, a and b. Made once per process (key generation is slow) and copied for each test.
class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() : store(std::make_shared<MemoryStore>()), a(loop, store, "hsm-a"), b(loop, store, "hsm-b") {}

  void SetUp() override {
    static const Master master;
    ASSERT_EQ(master.failure, "");
    *store = master.store;
    // No record lies in the tests' future, else "ten minutes later" would be less than that after it.
    *a.now_millis = std::max(*a.now_millis, master.made_millis);
    std::filesystem::copy(master.a.path(), a.directory.path(), kCopy);
    std::filesystem::copy(master.b.path(), b.directory.path(), kCopy);
    b.now_millis = a.now_millis;
    ASSERT_TRUE(a.Open().ok());
    ASSERT_TRUE(b.Open().ok());
  }

  std::vector<Bytes>& Records() { return store->clusters[kClusterId].records; }
  Status CatchUp(TestHsm& hsm) { return Await(loop, hsm.replica->CatchUp(Reason::kForced)); }
  Result<Bytes> Add(TestHsm& hsm, const std::string& label, std::optional<wire::ClientId> client = {}) {
    return Await(loop, AddKeyTo(hsm, label, client));
  }
  void ExpectEqual() {
    ASSERT_TRUE(CatchUp(a).ok());
    ASSERT_TRUE(CatchUp(b).ok());
    EXPECT_EQ(a.replica->head(), b.replica->head());
    EXPECT_EQ(a.state().Digest(), b.state().Digest());
    EXPECT_EQ(a.replica->head(), Records().size());
  }

  Loop loop;
  std::shared_ptr<MemoryStore> store;
  TestHsm a, b;

 private:
  struct Master {
    Master();
    TemporaryDirectory a, b;
    MemoryStore store;
    std::int64_t made_millis = 0;
    std::string failure;
  };
};

inline proto::CreateCluster DomainCreation(const std::string& hsm_id) {
  const auto front_end = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  proto::CreateCluster create;
  create.set_cluster_id(kClusterId);
  create.set_domain(true);
  create.set_fips(true);
  *create.mutable_self() = MemberOf(hsm_id);
  create.set_front_end_public_key(std::string(AsText(front_end->public_key().ToSpki())));
  create.set_front_end_name("front-end");
  return create;
}

inline ClusterTest::Master::Master() {
  Loop loop;
  const auto shared = std::make_shared<MemoryStore>();
  TestHsm first(loop, shared, "hsm-a"), second(loop, shared, "hsm-b");
  const auto make = [&]() -> Status {
    SR_CHECK(first.Open());
    SR_CHECK(second.Open());
    SR_CHECK(Await(loop, first.replica->CreateCluster(DomainCreation("hsm-a"))));
    return Join(loop, first, second);
  };
  const Status made = make();
  if (!made.ok()) failure = made.error().ForLog();
  store = *shared;
  made_millis = std::max(*first.now_millis, *second.now_millis);
  std::filesystem::copy(first.directory.path(), a.path(), kCopy);
  std::filesystem::copy(second.directory.path(), b.path(), kCopy);
}

}  // namespace strongroom::hsm::replica::testing
