#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"

namespace strongroom::cli {
namespace {

struct EnvOptions {
  std::string data;
};

/// In single quotes for a POSIX shell.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Status RunEnv(const EnvOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  const bool v6 = settings.https_address.find(':') != std::string::npos;
  const std::string endpoint = "https://" + (v6 ? "[" + settings.https_address + "]" : settings.https_address) + ":" +
                               std::to_string(settings.https_port);
  std::string out = "export AWS_ENDPOINT_URL=" + Quoted(endpoint) + "\n" +
                    "export AWS_CA_BUNDLE=" + Quoted((data.tls() / "ca.crt").string()) + "\n" +
                    "export AWS_DEFAULT_REGION=" + Quoted(settings.region) + "\n" +
                    "export CLOUDHSM_HOME=" + Quoted(data.client().string()) + "\n";
  const auto key = ReadFile(data.root_access_key());
  if (key.ok()) {
    boost::system::error_code failed;
    const auto parsed = boost::json::parse(*key, failed);
    const auto* object = failed ? nullptr : parsed.if_object();
    const auto* id = object ? object->if_contains("AccessKeyId") : nullptr;
    const auto* secret = object ? object->if_contains("SecretAccessKey") : nullptr;
    if (id == nullptr || secret == nullptr || !id->is_string() || !secret->is_string())
      return Error(Errc::kCorrupted, data.root_access_key().string() + " is not an access key file.");
    out += "export AWS_ACCESS_KEY_ID=" + Quoted(std::string(id->as_string())) + "\n" +
           "export AWS_SECRET_ACCESS_KEY=" + Quoted(std::string(secret->as_string())) + "\nunset AWS_SESSION_TOKEN\n";
  } else {
    std::fprintf(
        stderr,
        "strongroom: %s is not there (sealed, or `strongroom serve` has not run yet); set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY yourself.\n",
        data.root_access_key().c_str());
  }
  // Debian's CLI 2.9.19 knows no AWS_ENDPOINT_URL.
  out += "aws() { command aws --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; }\n";
  out += "case \":$PATH:\" in *:\"$CLOUDHSM_HOME/bin\":*) ;; *) PATH=\"$CLOUDHSM_HOME/bin:$PATH\" ;; esac\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
  return {};
}

std::function<Status()> DeclareEnv(CLI::App& app) {
  auto options = std::make_shared<EnvOptions>();
  app.add_option("--data", options->data, "The data directory")->required();
  app.footer("Use it as: eval \"$(strongroom env --data DIR)\"");
  return [options] { return RunEnv(*options); };
}

}  // namespace

const Command op::env = {"env", "Print shell exports that point AWS clients here", &DeclareEnv};

}  // namespace strongroom::cli
