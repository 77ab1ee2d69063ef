#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>

#include "aws/dispatch/time_text.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/commands/all.h"
#include "cli/counted.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "store/database.h"
#include "trail/keeping/keeper.h"
#include "trail/verify.h"

namespace strongroom::cli {
namespace {

struct AuditOptions {
  std::string data, key_file, start, end;
};

/// The key that this machine's front end has kept, or the one named. Empty: there is none yet.
Result<Bytes> DigestKeyOf(const DataDirectory& data, const AuditOptions& options) {
  const auto file = options.key_file.empty() ? trail::DigestKeyFile(data.service() / "audit")
                                             : std::filesystem::path(options.key_file);
  const auto pem = ReadFile(file, 64 * 1024);
  if (!pem.ok() && options.key_file.empty() && pem.error().code() == Errc::kNotFound) return Bytes();
  if (!pem.ok()) return pem.error();
  constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----", kEnd = "-----END PUBLIC KEY-----";
  const auto begin = pem->find(kBegin), end = pem->find(kEnd);
  std::string base64;
  if (begin != std::string::npos && end != std::string::npos && end > begin) {
    for (const char c : pem->substr(begin + kBegin.size(), end - begin - kBegin.size()))
      if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  }
  auto der = FromBase64(base64);
  if (base64.empty() || !der.ok()) return Error(Errc::kInvalidArgument, file.string() + " is not a PEM public key.");
  return der;
}

Result<std::unique_ptr<store::Database>> OpenStore(const DataDirectory& data) {
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  return OpenOwnStore(data, settings);
}

Status VerifyTrail(const AuditOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const auto database, OpenStore(data));
  SR_TRY(auto key, DigestKeyOf(data, options));
  SR_TRY(const trail::VerifyReport report,
         trail::Verify(*database, {.directory = data.service() / "audit", .public_key = std::move(key)}));
  const auto counted = [](std::int64_t count, std::string_view what) {
    return Counted(static_cast<std::uint64_t>(count), what);
  };
  std::printf("%s in %s of %s, %s.\n", counted(report.records, "record").c_str(),
              counted(report.segments, "segment").c_str(), counted(report.front_ends, "front end").c_str(),
              counted(report.digests, "digest").c_str());
  for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
  for (const std::string& problem : report.problems) std::printf("WRONG: %s\n", problem.c_str());
  if (report.problems.empty()) {
    std::printf("The audit trail is in order.\n");
    return {};
  }
  return Error(Errc::kCorrupted,
               "The audit trail is not as it was written: " + Counted(report.problems.size(), "problem") + ".");
}

/// Milliseconds of a time such as 2026-03-01T12:00:00Z.
Result<std::int64_t> Time(const std::string& text, std::int64_t otherwise) {
  if (text.empty()) return otherwise;
  const auto time = aws::ParseIsoTime(text);
  if (!time) return Error(Errc::kInvalidArgument, "'" + text + "' is no time; write 2026-03-01T12:00:00Z.");
  return std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

Status Export(const AuditOptions& options) {
  SR_TRY(const std::int64_t start, Time(options.start, 0));
  SR_TRY(const std::int64_t end, Time(options.end, std::numeric_limits<std::int64_t>::max()));
  SR_TRY(const auto database, OpenStore(DataDirectory{options.data}));
  const auto print = [](std::string_view json) -> Status {
    if (std::fwrite(json.data(), 1, json.size(), stdout) == json.size() && std::fputc('\n', stdout) != EOF) return {};
    return Error(Errc::kResourceExhausted, "Standard output does not take what is written to it.");
  };
  SR_CHECK(trail::ForEachRecord(*database, start, end, print));
  if (std::fflush(stdout) != 0)
    return Error(Errc::kResourceExhausted, "Standard output does not take what is written to it.");
  return {};
}

std::function<Status()> DeclareAudit(CLI::App& app) {
  auto options = std::make_shared<AuditOptions>();
  app.require_subcommand(1);
  auto* verify = app.add_subcommand("verify", "Find any record, segment or digest that was removed, edited or moved");
  auto* exported = app.add_subcommand("export", "Print all records, one JSON object on each line");
  for (auto* command : {verify, exported})
    command->add_option("--data", options->data, "The data directory")->required();
  verify->add_option("--public-key", options->key_file,
                     "PEM file of the key that signs digests; default: the one kept in DIR/service/audit");
  exported->add_option("--start", options->start, "From this time on (2026-03-01T12:00:00Z)");
  exported->add_option("--end", options->end, "Up to this time");
  return [options, verify] { return verify->parsed() ? VerifyTrail(*options) : Export(*options); };
}

}  // namespace

const Command op::audit = {"audit", "Verify or print the audit trail", &DeclareAudit};

}  // namespace strongroom::cli
