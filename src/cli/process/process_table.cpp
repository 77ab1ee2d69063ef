#include "cli/process/process_table.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace strongroom::cli {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool Read(pid_t pid, ProcessInfo& info) {
  const std::string base = "/proc/" + std::to_string(pid);
  const std::string stat = Slurp(base + "/stat");
  // The name is in parentheses and may hold anything; the fields begin after the last one.
  const auto close = stat.rfind(')');
  if (close == std::string::npos) return false;
  std::istringstream fields(stat.substr(close + 1));
  char state = 0;
  fields >> state >> info.parent;
  if (state == 'Z') return false;
  info.pid = pid;
  std::istringstream memory(Slurp(base + "/statm"));
  std::uint64_t total = 0, resident = 0;
  memory >> total >> resident;
  info.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::string line = Slurp(base + "/cmdline");
  std::size_t at = 0;
  bool first = true;
  while (at < line.size()) {
    const std::string word = line.c_str() + at;
    at += word.size() + 1;
    if (first)
      info.program = std::filesystem::path(word).filename().string();
    else
      info.arguments.push_back(word);
    first = false;
  }
  return true;
}

}  // namespace

std::vector<ProcessInfo> ProcessTree(pid_t root) {
  std::vector<ProcessInfo> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    ProcessInfo info;
    if (failed == std::errc() && end == name.data() + name.size() && Read(pid, info)) all.push_back(std::move(info));
  }
  std::vector<ProcessInfo> tree;
  for (const ProcessInfo& info : all)
    if (info.pid == root) tree.push_back(info);
  for (std::size_t i = 0; i < tree.size(); ++i)
    for (const ProcessInfo& info : all)
      if (info.parent == tree[i].pid) tree.push_back(info);
  return tree;
}

}  // namespace strongroom::cli
