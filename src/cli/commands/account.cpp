#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"

namespace strongroom::cli {
namespace {

struct Options {
  std::string data;
};

Status SealRoot(const Options& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  const auto file = data.root_access_key();
  if (!std::filesystem::exists(file)) {
    std::printf("The root access key of account %s is sealed already.\n", settings.account_id.c_str());
    return {};
  }
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return FileError("seal", file, errno);
  // Overwritten before it is unlinked; on a journalling disk that is a courtesy, not a promise.
  const std::string blank(4096, '\n');
  const bool wiped =
      ::pwrite(fd, blank.data(), blank.size(), 0) == static_cast<ssize_t>(blank.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!wiped || ::unlink(file.c_str()) != 0) return FileError("seal", file, errno);
  std::printf("Sealed: %s is gone. The key itself stays valid for whoever has a copy.\n", file.c_str());
  return {};
}

std::function<Status()> Declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.require_subcommand(1);
  auto* seal = app.add_subcommand("seal-root", "Remove the root access key from the data directory");
  seal->add_option("--data", options->data, "The data directory")->required();
  return [options] { return SealRoot(*options); };
}

}  // namespace

const Command op::account = {"account", "The account and its root access key", &Declare};

}  // namespace strongroom::cli
