#include "archive/journal.h"
#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"

namespace strongroom::archive {

Status Delete(const Access& access, const std::string& snapshot, const Reporter& reporter) {
  SR_CHECK(CheckName("snapshot", snapshot));
  aws_client::ObjectStore& store = *access.store;
  const std::string prefix = PrefixOf(snapshot);
  const auto journal = Journal::Open(access.location.id, snapshot);
  if (!journal.ok()) return journal.error();
  SR_TRY(const aws_client::ObjectPage any, store.List(prefix, "", 1));
  if (any.objects.empty() && !(*journal)->resumes()) {
    SR_CHECK((*journal)->Remove());
    return Error(Errc::kNotFound, fmt::format("There is no snapshot '{}' in {}.", snapshot, store.Description()));
  }
  const std::string manifest = ManifestOf(snapshot);
  std::uint64_t deleted = store.Head(manifest).ok() ? 1 : 0;
  SR_CHECK(store.Delete(std::span(&manifest, 1)));
  for (;;) {
    SR_TRY(const aws_client::ObjectPage page, store.List(prefix, ""));
    if (page.objects.empty()) break;
    std::vector<std::string> names;
    for (const aws_client::ObjectInfo& object : page.objects) names.push_back(object.name);
    SR_CHECK(store.Delete(names));
    deleted += names.size();
  }
  SR_CHECK(store.DropUnfinishedUploads(prefix, std::chrono::seconds(0)));
  reporter.note(deleted == 1 ? "1 object deleted." : fmt::format("{} objects deleted.", deleted));
  return (*journal)->Remove();
}

}  // namespace strongroom::archive
