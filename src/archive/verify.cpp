#include <set>

#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"

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
    std::map<std::string_view, const ObjectFacts*> expected;
    for (const ObjectFacts& object : snapshot_.manifest.objects()) expected.emplace(object.name, &object);
    std::string after;
    for (bool more = true; more;) {
      SR_TRY(const aws_client::ObjectPage page, access_.store->List(prefix, after));
      for (const aws_client::ObjectInfo& object : page.objects) {
        const auto found = expected.find(std::string_view(object.name).substr(prefix.size()));
        if (found == expected.end()) {
          if (outcome_.unknown.size() < 1000) outcome_.unknown.push_back(Printable(object.name));
          continue;
        }
        if (quick && object.size != found->second->stored_bytes)
          Note(fmt::format("The object {} has {} bytes in place of {}.", Printable(object.name), object.size,
                           found->second->stored_bytes));
        expected.erase(found);
      }
      more = page.more && !page.objects.empty();
      if (more) after = page.objects.back().name;
    }
    if (quick)
      for (const auto& [name, object] : expected) Note(fmt::format("The object {}{} is missing.", prefix, name));
    return {};
  }

  Status ReadObjects() {
    const auto& objects = snapshot_.manifest.objects();
    std::uint64_t total = 0;
    for (const ObjectFacts& object : objects) total += object.plaintext_bytes;
    progress_.SetTotal(total);
    const ObjectReader reader = snapshot_.Reader(*access_.store);
    return InParallel(objects.size(), ReadThreads(objects), [&](std::uint64_t i, PlainBuffer& buffer) -> Status {
      const Status fetched = reader.Fetch(i, buffer);
      if (!fetched.ok() && fetched.error().code() != Errc::kCorrupted) return fetched;
      if (!fetched.ok())
        Note(fetched.error().public_message());
      else
        progress_.Add(buffer.view().size());
      outcome_bytes_ += buffer.view().size();
      const std::lock_guard lock(mutex_);
      outcome_.bytes = outcome_bytes_;
      return {};
    });
  }

  const Access& access_;
  const Snapshot& snapshot_;
  const Reporter& reporter_;
  Progress progress_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> outcome_bytes_ = 0;
  VerifyOutcome outcome_;
};

}  // namespace

Result<VerifyOutcome> Verify(const Access& access, const std::string& snapshot, bool quick, const Reporter& reporter) {
  SR_TRY(const Snapshot opened, OpenSnapshot(access, snapshot));
  return Verifier(access, opened, reporter).Run(quick);
}

}  // namespace strongroom::archive
