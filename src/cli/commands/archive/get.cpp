#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

struct Options : ReadingOptions {
  std::string output;
};

Status Get(const Options& options) {
  SR_TRY(const Opened opened, OpenForReading(options, 3));
  archive::GetOptions get{.snapshot = opened.words[0], .path = opened.words[1]};
  if (options.output.empty()) {
    const auto written = archive::Get(opened.access, get, MakeReporter(options.common));
    if (!written.ok()) return written.error();
    return {};
  }
  // Whole or not at all: under another name until it is.
  const std::string temporary = options.output + ".strongroom-part";
  const archive::Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
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
  if (options.common.json) return PrintJson({{"output", options.output}, {"bytes", *written}});
  return {};
}

}  // namespace

Run DeclareGet(CLI::App& app) {
  auto options = std::make_shared<Options>();
  DeclareReading(app, *options, "LOCATION SNAPSHOT PATH; - is the PATH of a stream", 3, 3);
  app.add_option("--output,-o", options->output, "A file in place of standard output; it is there when it is whole");
  app.footer("Bytes reach standard output once their object is verified. If the command fails, throw away what came.");
  return [options] { return Get(*options); };
}

}  // namespace strongroom::cli::archiving
