#pragma once

#include "base/testing/temporary_directory.h"
#include "hsm/replica/files.h"
#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica::testing {

/// Lets the disk of one HSM fail for good after so many changes to its files, as if its process had died there.
class DiskDeath {
 public:
  DiskDeath(std::filesystem::path directory, int changes, FileFate last) {
    SetFileGate(
        [this, directory = std::move(directory), changes, last](FileStep step, const std::filesystem::path& path) {
          if (path != directory && path.parent_path() != directory) return FileFate::kDone;
          if (dead_) return FileFate::kNot;
          if (seen_++ < changes) return FileFate::kDone;
          dead_ = true;
          return step == FileStep::kWrite ? last : FileFate::kNot;
        });
  }
  ~DiskDeath() { SetFileGate({}); }
  DiskDeath(const DiskDeath&) = delete;
  DiskDeath& operator=(const DiskDeath&) = delete;
  bool happened() const { return dead_; }

 private:
  int seen_ = 0;
  bool dead_ = false;
};

/// A domain cluster of three HSMs, made once per process; a test may begin anew from there as often as it wants.
class ThreeHsms : public ClusterTest {
 protected:
  ThreeHsms() : c(loop, store, "hsm-c") { c.now_millis = a.now_millis; }

  void SetUp() override {
    ClusterTest::SetUp();
    Master& master = Made();
    if (!master.made) {
      ASSERT_TRUE(c.Open().ok());
      ASSERT_TRUE(Join(loop, a, c).ok());
      ASSERT_TRUE(CatchUp(b).ok());
      KillAll();
      for (TestHsm* hsm : All()) std::filesystem::copy(hsm->directory.path(), master.Of(*hsm), kCopy);
      master.store = *store;
      master.made = true;
    }
    BeginAnew();
  }

  std::vector<TestHsm*> All() { return {&a, &b, &c}; }
  void KillAll() {
    for (TestHsm* hsm : All()) hsm->Kill();
  }
  void BeginAnew() {
    KillAll();
    for (TestHsm* hsm : All()) {
      hsm->stopped.reset();
      for (const auto& entry : std::filesystem::directory_iterator(hsm->directory.path()))
        std::filesystem::remove(entry.path());
      std::filesystem::copy(Made().Of(*hsm), hsm->directory.path(), kCopy);
    }
    *store = Made().store;
    OpenAll();
  }
  void OpenAll() {
    for (TestHsm* hsm : All()) {
      const Status opened = hsm->Open();
      ASSERT_TRUE(opened.ok()) << hsm->hsm_id << ": " << opened.error();
    }
  }
  void ExpectAllEqual(const std::vector<TestHsm*>& hsms) {
    for (TestHsm* hsm : hsms) {
      const Status caught_up = CatchUp(*hsm);
      ASSERT_TRUE(caught_up.ok()) << hsm->hsm_id << ": " << caught_up.error();
      EXPECT_TRUE(hsm->replica->serving()) << hsm->hsm_id;
    }
    for (TestHsm* hsm : hsms) {
      EXPECT_EQ(hsm->replica->head(), Records().size()) << hsm->hsm_id;
      EXPECT_EQ(hsm->state().Digest(), hsms.front()->state().Digest()) << hsm->hsm_id;
    }
  }

  /// Of the log as every test finds it.
  std::uint64_t RecordsAtFirst() const { return Made().store.clusters.at(kClusterId).records.size(); }

  TestHsm c;

 private:
  struct Master {
    bool made = false;
    TemporaryDirectory a, b, c;
    MemoryStore store;
    const std::filesystem::path& Of(const TestHsm& hsm) const {
      return (hsm.hsm_id == "hsm-a" ? a : hsm.hsm_id == "hsm-b" ? b : c).path();
    }
  };
  static Master& Made() {
    static Master master;
    return master;
  }
};

}  // namespace strongroom::hsm::replica::testing
