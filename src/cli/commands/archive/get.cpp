#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>

#include "archive/paths.h"
#include "cli/commands/archive/common.h"
#include "crypto/random.h"

namespace strongroom::cli::archiving {
namespace {

struct Options : ReadingOptions {
  std::string output;
};

constexpr std::string_view kPartOnly = "The snapshot has only a part of this file.";

Status Get(const Options& options) {
  SR_TRY(const Opened opened, OpenForReading(options, 3));
  archive::GetOptions get{.snapshot = opened.words[0], .path = std::string(archive::AsTyped(opened.words[1]))};
  if (options.output.empty()) {
    const auto written = archive::Get(opened.access, get, MakeReporter(options.common));
    if (!written.ok()) return written.error();
    if (written->incomplete) ExitIncomplete(kPartOnly);
    return {};
  }
  // Whole or not at all: under another name until it is.
  std::array<std::uint8_t, 8> random{};
  SR_CHECK(crypto::Random(random));
  const std::string temporary = fmt::format("{}.strongroom-{}", options.output, Hex(random));
  const archive::Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return archive::ErrnoError("'" + temporary + "'", errno);
  get.output = file.get();
  const auto written = archive::Get(opened.access, get, MakeReporter(options.common));
  Status done = written.ok() ? Status() : Status(written.error());
  if (done.ok() && (::fsync(file.get()) != 0 || std::rename(temporary.c_str(), options.output.c_str()) != 0))
    done = archive::ErrnoError("'" + options.output + "'", errno);
  if (!done.ok()) {
    ::unlink(temporary.c_str());
    return done;
  }
  if (options.common.json)
    SR_CHECK(PrintJson({{"output", options.output}, {"bytes", written->bytes}, {"incomplete", written->incomplete}}));
  if (written->incomplete) ExitIncomplete(kPartOnly);
  return {};
}

}  // namespace

Run DeclareGet(CLI::App& app) {
  auto options = std::make_shared<Options>();
  DeclareReading(
      app, *options, "LOCATION SNAPSHOT PATH",
      {{"LOCATION", "One of `archive location list`"},
       {"SNAPSHOT", "One of `archive list LOCATION`"},
       {"PATH", "A file in it, as `archive list LOCATION SNAPSHOT` has it, but bytes for \\xNN; - for a stream"}},
      3);
  app.add_option("--output,-o", options->output, "A file in place of standard output; it is there when it is whole")
      ->type_name("FILE");
  DeclareFooter(
      app, "Bytes reach standard output once their object is verified. If the command fails, throw away what came.");
  return [options] { return Get(*options); };
}

}  // namespace strongroom::cli::archiving
