#include <CLI/CLI.hpp>

#include "archive/paths.h"
#include "archive/snapshot.h"
#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

namespace json = boost::json;
namespace pb = archive::pb;

struct Options : ReadingOptions {
  bool details = false;
};

std::string_view TypeName(pb::Type type) {
  switch (type) {
    case pb::TYPE_FILE: return "file";
    case pb::TYPE_DIRECTORY: return "directory";
    case pb::TYPE_SYMLINK: return "symlink";
    case pb::TYPE_FIFO: return "fifo";
    case pb::TYPE_CHARACTER_DEVICE: return "character-device";
    case pb::TYPE_BLOCK_DEVICE: return "block-device";
    default: return "socket";
  }
}

std::string ModeText(const pb::Entry& entry) {
  constexpr std::string_view kTypes = "?-dlpcbs", kBits = "rwxrwxrwx";
  std::string text(1, kTypes[static_cast<std::size_t>(entry.type())]);
  for (std::size_t i = 0; i < kBits.size(); ++i) text += (entry.mode() >> (8 - i) & 1) != 0 ? kBits[i] : '-';
  const auto special = [&](std::uint32_t bit, std::size_t at, char with, char without) {
    if ((entry.mode() & bit) != 0) text[at] = text[at] == 'x' ? with : without;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return text;
}

Status PrintEntry(const pb::Entry& entry, bool as_json) {
  if (as_json) {
    json::object shown{{"path", archive::PercentText(entry.path())},
                       {"type", TypeName(entry.type())},
                       {"mode", fmt::format("{:04o}", entry.mode())},
                       {"uid", entry.uid()},
                       {"gid", entry.gid()},
                       {"user", archive::PercentText(entry.user())},
                       {"group", archive::PercentText(entry.group())},
                       {"mtime", fmt::format("{}.{:09}", entry.mtime_seconds(), entry.mtime_nanoseconds())},
                       {"size", entry.size()}};
    if (!entry.link_target().empty()) shown["target"] = archive::PercentText(entry.link_target());
    if (!entry.hard_link().empty()) shown["hard_link"] = archive::PercentText(entry.hard_link());
    if (entry.incomplete()) shown["incomplete"] = true;
    return PrintJson(shown);
  }
  const auto who = [](const std::string& name, std::uint32_t id) {
    return name.empty() ? std::to_string(id) : archive::Printable(name);
  };
  std::string line = fmt::format("{} {:8} {:8} {:>12} {} {}", ModeText(entry), who(entry.user(), entry.uid()),
                                 who(entry.group(), entry.gid()), entry.size(), TimeText(entry.mtime_seconds() * 1000),
                                 entry.path().empty() ? "." : archive::Printable(entry.path()));
  if (!entry.link_target().empty()) line += " -> " + archive::Printable(entry.link_target());
  if (!entry.hard_link().empty()) line += " link to " + archive::Printable(entry.hard_link());
  if (entry.incomplete()) line += " (incomplete)";
  return PrintLine(line);
}

Status ListEntries(const archive::Access& access, const std::string& name, const std::string& path, bool as_json) {
  SR_TRY(const auto snapshot, archive::OpenSnapshot(access, name));
  bool any = false;
  SR_CHECK(snapshot.manifest.ForEach([&](const pb::Entry& entry, std::uint64_t) -> Status {
    if (!archive::IsWithin(entry.path(), path)) return {};
    any = true;
    return PrintEntry(entry, as_json);
  }));
  if (any) return {};
  return Error(Errc::kNotFound, fmt::format("There is no '{}' in the snapshot.", archive::Printable(path)));
}

Status ListAll(const archive::Access& access, const Options& options) {
  SR_TRY(const auto all, archive::ListSnapshots(*access.store));
  std::size_t broken = 0;
  for (const archive::SnapshotState& state : all) {
    json::object shown{{"snapshot", state.name}, {"finished", state.finished}, {"rekeyed", state.rekeyed}};
    std::string line = fmt::format("{}{}", state.name, state.finished ? "" : "  unfinished");
    if (options.details && state.finished) {
      const auto snapshot = archive::OpenSnapshot(access, state.name);
      if (snapshot.ok()) {
        const auto& header = snapshot->manifest.header();
        const auto& totals = snapshot->manifest.totals();
        shown["created"] = TimeText(header.created_ms());
        shown["entries"] = totals.entries();
        shown["bytes"] = totals.file_bytes();
        shown["objects"] = totals.objects();
        shown["source"] = archive::PercentText(header.source());
        line += fmt::format("  {}  {}  {}  {}", TimeText(header.created_ms()),
                            Counted(totals.entries(), "entry", "entries"), archive::BytesText(totals.file_bytes()),
                            archive::Printable(header.source()));
      } else {
        ++broken;
        shown["error"] = snapshot.error().public_message();
        line += "  cannot be opened: " + snapshot.error().public_message();
      }
    }
    SR_CHECK(options.common.json ? PrintJson(shown) : PrintLine(line));
  }
  if (broken == 0) return {};
  return Error(Errc::kCorrupted, fmt::format("{} cannot be opened; the list says why.", Counted(broken, "snapshot")));
}

}  // namespace

Run DeclareList(CLI::App& app) {
  auto options = std::make_shared<Options>();
  DeclareReading(app, *options, "LOCATION [SNAPSHOT [PATH]]",
                 {{"LOCATION", "One of `archive location list`"},
                  {"SNAPSHOT", "What is in this one, instead of all snapshots"},
                  {"PATH", "Only this and what is in it"}},
                 3);
  app.add_flag("--long", options->details, "Open each snapshot's manifest: time, entries, size");
  DeclareFooter(app, "With --json: one object on each line; in paths, what is no UTF-8 stands as %NN.");
  return [options]() -> Status {
    SR_TRY(const Opened opened, OpenForReading(*options, 1));
    if (opened.words.empty()) return ListAll(opened.access, *options);
    const std::string path(archive::AsTyped(opened.words.size() > 1 ? opened.words[1] : ""));
    return ListEntries(opened.access, opened.words[0], path, options->common.json);
  };
}

}  // namespace strongroom::cli::archiving
