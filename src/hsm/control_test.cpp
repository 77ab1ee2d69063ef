#include "hsm/control.h"

#include <sys/socket.h>

#include "base/testing/temporary_directory.h"
#include "hsm/replica/testing/test_cluster.h"
#include "wire/status.h"

namespace strongroom::hsm {
namespace {

using namespace replica::testing;  // NOLINT: the test's own helpers

/// The other end of an HSM's control link: a host with a front end behind it that keeps the log in memory.
class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    auto ours = control::Link::OverDescriptor(loop, ends[0]);
    auto theirs = control::Link::OverDescriptor(loop, ends[1]);
    ASSERT_TRUE(ours.ok() && theirs.ok());
    host = *theirs;
    host->Start([this](proto::Control question) { return Host(std::move(question)); },
                [this](proto::Control notice) { notices.push_back(std::move(notice)); });
    link = std::make_unique<Control>(*ours, "hsm-a");
    replica::ReplicaOptions options;
    options.directory = directory.path();
    options.hsm_id = "hsm-a";
    options.root_key = RootKey();
    options.now_millis = [] { return std::int64_t{1'800'000'000'000}; };
    options.poll = std::chrono::hours(1);
    auto opened = replica::Replica::Open(loop, *link, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error();
    hsm = std::move(*opened);
    link->Serve(*hsm, [this](const Error&) { closed = true; });
  }
  void TearDown() override {
    link->Detach();
    host->Close(Error(Errc::kCancelled, "end"));
    hsm.reset();
    loop.restart();
    loop.poll();
  }

  Task<Result<proto::Control>> Host(proto::Control question) {
    if (refusal) co_return *refusal;
    MemoryLink memory(store);
    proto::Control answer;
    if (question.has_log_append()) {
      const auto& append = question.log_append();
      const replica::Offer offer =
          co_await memory.Append(append.cluster_id(), append.number(), ToBytes(AsBytes(append.prev_hash())),
                                 ToBytes(AsBytes(append.record())));
      answer.mutable_log_append();
      for (const auto& row : offer.rows) {
        auto* out = answer.mutable_log_append()->add_rows();
        out->set_number(row.number);
        out->set_record(std::string(AsText(row.record)));
      }
    } else if (question.has_log_read()) {
      SR_CO_TRY(const auto rows, co_await memory.Read(question.log_read().cluster_id(), question.log_read().from()));
      answer.mutable_log_read()->set_head(rows.head);
      for (const auto& row : rows.rows) {
        auto* out = answer.mutable_log_read()->add_rows();
        out->set_number(row.number);
        out->set_record(std::string(AsText(row.record)));
      }
    } else if (question.has_snapshot_put()) {
      auto* put = question.mutable_snapshot_put();
      SR_CO_CHECK(co_await memory.PutSnapshot(put->cluster_id(), put->number(), put->backup_id(), put->kind(),
                                              ToBytes(AsBytes(put->data()))));
    } else {
      co_return Error(Errc::kUnsupported, "The test's host does not know this.");
    }
    co_return answer;
  }
  Result<proto::Control> Ask(proto::Control question) {
    question.set_hsm_id("hsm-a");
    return Await(loop, host->Ask(std::move(question), std::chrono::seconds(60)));
  }
  Result<proto::Control> Create() {
    proto::Control question;
    *question.mutable_create_cluster() = DomainCreation("hsm-a");
    return Ask(std::move(question));
  }

  Loop loop;
  TemporaryDirectory directory;
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
  std::shared_ptr<control::Link> host;
  std::unique_ptr<Control> link;
  std::unique_ptr<replica::Replica> hsm;
  std::vector<proto::Control> notices;
  std::optional<Error> refusal;
  bool closed = false;
};

TEST_F(ControlTest, AClusterIsMadeAndBackedUpOverTheLink) {
  const auto created = Create();
  ASSERT_TRUE(created.ok()) << created.error();
  EXPECT_EQ(created->hsm_status().lifecycle(), proto::ACTIVE);
  EXPECT_EQ(created->hsm_status().head(), 1u);
  EXPECT_EQ(store->clusters[kClusterId].records.size(), 1u);
  proto::Control backup;
  backup.mutable_make_snapshot()->set_kind("daily");
  backup.mutable_make_snapshot()->set_backup_id("backup-abcdefghijk");
  ASSERT_TRUE(Ask(backup).ok());
  EXPECT_EQ(store->clusters[kClusterId].snapshot.number, 1u);
  proto::Control status;
  status.mutable_hsm_status();
  EXPECT_EQ(Ask(status)->hsm_status().cluster_id(), kClusterId);
  link->TellStatus();
  RunUntil(loop, [&] { return notices.size() == 2; });
  EXPECT_EQ(notices[0].status_changed().lifecycle(), proto::EMPTY);
  EXPECT_EQ(notices[1].status_changed().head(), 1u);
  EXPECT_EQ(notices[1].hsm_id(), "hsm-a");
}

struct Row {
  std::string name;
  Error refusal;
  bool nothing_changed;
};
class RefusedOffer : public ControlTest, public ::testing::WithParamInterface<Row> {};
TEST_P(RefusedOffer, IsTakenForUndoneOnlyWhenNobodyWasAsked) {
  ASSERT_TRUE(Create().ok());
  refusal = GetParam().refusal;
  const auto changed = Await(loop, hsm->Change(nullptr, wire::Command::kGenerateKey, AddKey("key")));
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code(), Errc::kUnavailable);
  EXPECT_EQ(changed.error().public_message().find("nothing was changed") != std::string::npos,
            GetParam().nothing_changed);
  refusal.reset();
  ASSERT_TRUE(Await(loop, hsm->CatchUp(replica::Reason::kForced)).ok());
  EXPECT_EQ(hsm->state().keys().size(), GetParam().nothing_changed ? 0u : 1u);
}
INSTANTIATE_TEST_SUITE_P(
    Control, RefusedOffer,
    ::testing::Values(Row{"NobodyThere", Error(Errc::kUnavailable, "No front end is connected."), true},
                      Row{"LinkFull", Error(Errc::kThrottled, "full"), true},
                      Row{"LostOnTheWay", Error(Errc::kUnavailable, "The control link was lost."), false},
                      Row{"NoAnswerInTime", Error(Errc::kTimeout, "late"), false},
                      Row{"Fault", Error(Errc::kInternal, "fault"), false}),
    [](const auto& info) { return info.param.name; });

TEST_F(ControlTest, NonsenseIsAnsweredWithAnError) {
  EXPECT_EQ(Ask(proto::Control()).error().code(), Errc::kUnsupported);
  proto::Control host_question;
  host_question.mutable_list_hsms();
  EXPECT_EQ(Ask(host_question).error().code(), Errc::kUnsupported);
  proto::Control other;
  other.mutable_hsm_status();
  other.set_hsm_id("hsm-z");
  EXPECT_EQ(Await(loop, host->Ask(other, std::chrono::seconds(60))).error().code(), Errc::kNotFound);
  proto::Control join;
  join.mutable_join_cluster();
  EXPECT_EQ(Ask(join).error().code(), Errc::kInvalidArgument);
}

TEST_F(ControlTest, TheEndOfTheLinkIsTold) {
  host->Close(Error(Errc::kCancelled, "end"));
  RunUntil(loop, [&] { return closed; });
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace strongroom::hsm
