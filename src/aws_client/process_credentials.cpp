#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <system_error>

#include "aws_client/credential_sources.h"
#include "aws_client/directory_files.h"
#include "aws_client/wiping_json.h"

namespace strongroom::aws_client {
namespace {

constexpr std::size_t kLargestOutput = std::size_t{64} << 10;
constexpr std::chrono::seconds kPatience{60};

/// Reads until the end of `from`. Errors: kTimeout; kInvalidArgument when there is too much.
Result<SecretString> ReadAll(int from, const std::string& source) {
  SecretString text(kLargestOutput + 1);
  std::size_t size = 0;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (size < text.size()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{.fd = from, .events = POLLIN, .revents = 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return Error(Errc::kTimeout, fmt::format("The {} did not end within a minute.", source));
    const ssize_t got = ::read(from, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kLargestOutput) {
    return Error(Errc::kInvalidArgument, fmt::format("The {} writes more than {} bytes.", source, kLargestOutput));
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<std::vector<std::string>> SplitCommand(std::string_view command) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = '\0';
  for (std::size_t at = 0; at < command.size(); ++at) {
    const char c = command[at];
    if (quote != '\0' && c == quote) {
      quote = '\0';
    } else if (c == '\\' && quote != '\'' && at + 1 < command.size() &&
               (quote == '\0' || command[at + 1] == '"' || command[at + 1] == '\\')) {
      if (!word) word.emplace();
      *word += command[++at];
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
      if (!word) word.emplace();
    } else if (quote == '\0' && (c == ' ' || c == '\t')) {
      if (word) words.push_back(*std::exchange(word, std::nullopt));
    } else {
      if (!word) word.emplace();
      *word += c;
    }
  }
  if (quote != '\0') return Error(Errc::kInvalidArgument, "A quote in credential_process is not closed.");
  if (word) words.push_back(*std::move(word));
  if (words.empty()) return Error(Errc::kInvalidArgument, "credential_process names no program.");
  return words;
}

Result<Credentials> RunCredentialProcess(const std::vector<std::string>& command, const std::string& source) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error(Errc::kResourceExhausted, "There is no descriptor left for a pipe.");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  std::vector<char*> arguments;
  std::vector<std::string> words = command;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return Error(Errc::kInvalidArgument, fmt::format("The {} cannot be started: {}: {}.", source, command[0],
                                                     std::generic_category().message(failed)));
  }
  writing = Fd();
  auto text = ReadAll(reading.get(), source);
  if (!text.ok()) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text.ok()) return std::move(text).error();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(Errc::kMissingAuthentication, fmt::format("The {} ({}) failed: {} {}.", source, command[0],
                                                           WIFEXITED(status) ? "exit status" : "signal",
                                                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
  }
  SR_TRY(const auto answer, [&]() -> Result<WipedJson> {
    auto parsed = WipedJson::Parse(TextOf(*text));
    if (!parsed.ok()) return Error(Errc::kInvalidArgument, fmt::format("The {} does not write a JSON object.", source));
    return parsed;
  }());
  const boost::json::value* const version = answer.object().if_contains("Version");
  if (version == nullptr || !version->is_int64() || version->get_int64() != 1) {
    return Error(Errc::kInvalidArgument, fmt::format("The {} does not write \"Version\": 1.", source));
  }
  return ParseCredentialsJson(TextOf(*text), source);
}

MaybeFetch ProcessSource(const SourceContext& context, const std::string& profile) {
  for (const IniFile* file : {&context.config->credentials, &context.config->sections}) {
    const auto section = file->find(profile);
    if (section == file->end()) continue;
    const auto command = section->second.find("credential_process");
    if (command == section->second.end() || command->second.empty()) continue;
    SR_TRY(const auto words, SplitCommand(TextOf(command->second)));
    const std::string source = fmt::format("credential_process of profile {}", profile);
    return std::optional<CredentialsFetch>([words, source] { return RunCredentialProcess(words, source); });
  }
  return std::optional<CredentialsFetch>();
}

Result<Credentials> ParseCredentialsJson(std::string_view text, std::string_view source) {
  auto parsed = WipedJson::Parse(text);
  if (!parsed.ok()) {
    return Error(Errc::kInvalidArgument, fmt::format("The answer of {} is no JSON object.", source));
  }
  std::string_view token = parsed->Text("SessionToken");
  if (token.empty()) token = parsed->Text("Token");
  SR_TRY(auto credentials,
         MakeCredentials(parsed->Text("AccessKeyId"), parsed->Text("SecretAccessKey"), token, source));
  const std::string_view expires = parsed->Text("Expiration");
  if (!expires.empty()) {
    credentials.expires = ParseIsoTime(expires);
    if (!credentials.expires) {
      return Error(Errc::kInvalidArgument, fmt::format("The Expiration of {} is no time of ISO 8601.", source));
    }
  }
  return credentials;
}

std::optional<std::chrono::system_clock::time_point> ParseIsoTime(std::string_view text) {
  using namespace std::chrono;
  bool good = text.size() >= 20 && text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == ' ') &&
              text[13] == ':' && text[16] == ':';
  const auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    if (at + count > text.size()) {
      good = false;
      return 0;
    }
    const auto [end, failed] = std::from_chars(text.data() + at, text.data() + at + count, value);
    good = good && failed == std::errc() && end == text.data() + at + count && value >= 0;
    return value;
  };
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!good || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::size_t at = 19;
  if (text[at] == '.') {
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9';) ++at;
    if (text[at - 1] == '.') return std::nullopt;
  }
  minutes offset{0};
  const std::string_view zone = text.substr(at);
  if (zone != "Z") {
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
    offset = hours(number(at + 1, 2)) + minutes(number(at + 4, 2));
    if (!good || offset > hours(14)) return std::nullopt;
    if (zone[0] == '-') offset = -offset;
  }
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - offset;
}

std::string FormatIsoTime(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

}  // namespace strongroom::aws_client
