#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"
#include "archive/stored_objects.h"

namespace strongroom::archive {
namespace {

class Verifier {
 public:
  Verifier(const Access& access, const Snapshot& snapshot, const Reporter& reporter)
      : access_(access), snapshot_(snapshot), reporter_(reporter), progress_("verified", reporter.style) {}

  Result<VerifyOutcome> Run(bool quick) {
    outcome_.objects = snapshot_.manifest.objects().size();
    outcome_.entries = snapshot_.manifest.totals().entries();
    SR_CHECK(snapshot_.manifest.ForEach([this](const pb::Entry& entry, std::uint64_t) -> Status {
      if (!entry.incomplete()) return {};
      ++outcome_.incomplete;
      const std::string line = fmt::format(
          "{}: The file had more than the {} bytes in the snapshot; `put` could not "
          "read the rest.",
          Printable(entry.path()), entry.size());
      progress_.Note(line);
      reporter_.problem(line);
      return {};
    }));
    SR_CHECK(ListObjects(quick));
    if (!quick) SR_CHECK(ReadObjects());
    outcome_.seconds = progress_.seconds();
    progress_.Done();
    return std::move(outcome_);
  }

 private:
  void Note(std::string line) {
    progress_.Note(line);
    const std::lock_guard lock(mutex_);
    reporter_.problem(line);
    ++outcome_.problems.count;
    if (outcome_.problems.lines.size() < 1000) outcome_.problems.lines.push_back(std::move(line));
  }

  Status ListObjects(bool quick) {
    const std::string prefix = DataPrefixOf(snapshot_.name);
    const ObjectTable& objects = snapshot_.manifest.objects();
    StoredObjects stored;
    for (std::uint64_t i = 0; i < objects.size(); ++i) {
      SR_TRY(const ObjectFacts facts, objects.At(i));
      SR_CHECK(stored.Expect(facts));
    }
    return stored.Compare(
        *access_.store, prefix,
        [&](const std::string& name, std::string_view what) -> Status {
          // Whoever reads them finds out by himself.
          if (quick) Note(fmt::format("The object {}{} {}.", prefix, name, what));
          return {};
        },
        [&](const std::string& name) {
          if (outcome_.unknown.size() < 1000) outcome_.unknown.push_back(Printable(name));
        });
  }

  Status ReadObjects() {
    const auto& objects = snapshot_.manifest.objects();
    progress_.SetTotal(objects.plaintext_bytes());
    const ObjectReader reader = snapshot_.Reader(*access_.store);
    return InParallel(objects.size(), ReadThreads(objects), [&](std::uint64_t i, PlainBuffer& buffer) -> Status {
      const Status fetched = reader.Fetch(i, buffer);
      if (!fetched.ok() && fetched.error().code() != Errc::kCorrupted) return fetched;
      if (!fetched.ok())
        Note(fetched.error().public_message());
      else
        progress_.Add(buffer.view().size());
      const std::lock_guard lock(mutex_);
      outcome_.bytes += buffer.view().size();
      return {};
    });
  }

  const Access& access_;
  const Snapshot& snapshot_;
  const Reporter& reporter_;
  Progress progress_;
  std::mutex mutex_;
  VerifyOutcome outcome_;
};

}  // namespace

Result<VerifyOutcome> Verify(const Access& access, const std::string& snapshot, bool quick, const Reporter& reporter) {
  SR_TRY(const Snapshot opened, OpenSnapshot(access, snapshot));
  return Verifier(access, opened, reporter).Run(quick);
}

}  // namespace strongroom::archive
