// External key store proxies: this deployment's side of AWS KMS's external key stores. The service does all of it,
// since it alone can reach the HSMs that seal the proxy's secrets.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/log.h"
#include "cli/api_client.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "secret/secret_vector.h"
#include "store/database.h"
#include "terminal/terminal.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;

struct XksOptions {
  std::string data, cluster, user, path_prefix, region, password_file, proxy, key;
  bool has_prefix = false;
  std::int64_t keep_previous = 24 * 3600;
};

struct Deployment {
  Settings settings;
  ApiClient api;
  store::Config store;
};

Result<Deployment> Open(const XksOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(ApiClient api, ApiClient::Open(data, settings));
  SR_CHECK(RequireOwnStore(data, settings));
  store::Config store = data.StoreOf(settings);
  return Deployment{std::move(settings), std::move(api), std::move(store)};
}

/// The region in which the cluster is, since its id alone says nothing of it.
Result<std::string> RegionOf(const Deployment& deployment, const std::string& cluster) {
  SR_TRY(const auto database, store::Database::Open(deployment.store));
  return database->Read([&](store::Transaction& t) -> Result<std::string> {
    SR_TRY(const auto row, t.QueryOne("SELECT region FROM clusters WHERE cluster_id = $1 AND state <> 'DELETED'",
                                      {store::Text(cluster)}));
    if (!row) return Error(Errc::kNotFound, "There is no cluster " + cluster + "; `strongroom status` lists them.");
    return row->Text(0);
  });
}

Result<json::array> Listed(Deployment& deployment) {
  SR_TRY(json::object answer, deployment.api.Strongroom("ListXksProxies", deployment.settings.region, {}));
  json::value* proxies = answer.if_contains("Proxies");
  if (proxies == nullptr || !proxies->is_array())
    return Error(Errc::kInternal, "The service's answer lists no proxies.");
  json::array listed(std::move(proxies->get_array()));
  return listed;
}

/// The region of a proxy's cluster, in which it is changed.
Result<std::string> RegionOfProxy(Deployment& deployment, const std::string& proxy) {
  SR_TRY(const json::array listed, Listed(deployment));
  for (const json::value& one : listed) {
    const json::object* shown = one.if_object();
    if (shown == nullptr || shown->at("ProxyId") != json::value(proxy)) continue;
    return std::string(shown->at("ClusterRegion").as_string());
  }
  return Error(Errc::kNotFound, "There is no proxy " + proxy + "; `strongroom xks list` shows them.");
}

/// Puts the password into a request that Wipe cleans afterwards.
Status AddPassword(const XksOptions& options, json::object& body) {
  SR_TRY(const SecretBuffer password, options.password_file.empty()
                                          ? Terminal::AskPassword("Password of the crypto user: ")
                                          : Terminal::ReadPasswordFile(options.password_file));
  std::string text = Terminal::ForRequest(password);
  body["Password"] = text;
  secret::Wipe(text.data(), text.size());
  return {};
}

void Wipe(json::object& object, std::string_view name) {
  json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return;
  secret::Wipe(value->get_string().data(), value->get_string().size());
}

/// Shows an answer, in which a new credential's secret may stand.
void Print(json::object answer) {
  std::string text = json::serialize(answer);
  std::printf("%s\n", text.c_str());
  secret::Wipe(text.data(), text.size());
  Wipe(answer, "RawSecretAccessKey");
}

Status Create(const XksOptions& options) {
  SR_TRY(Deployment deployment, Open(options));
  SR_TRY(const std::string region, RegionOf(deployment, options.cluster));
  json::object body{{"ClusterId", options.cluster}, {"UserName", options.user}};
  if (options.has_prefix) body["PathPrefix"] = options.path_prefix;
  if (!options.region.empty()) body["SigningRegion"] = options.region;
  SR_CHECK(AddPassword(options, body));
  auto answer = deployment.api.Strongroom("CreateXksProxy", region, body);
  Wipe(body, "Password");
  if (!answer.ok()) return std::move(answer).error();
  Print(std::move(*answer));
  return {};
}

Status List(const XksOptions& options) {
  SR_TRY(Deployment deployment, Open(options));
  SR_TRY(json::array listed, Listed(deployment));
  Print(json::object{{"Proxies", std::move(listed)}});
  return {};
}

/// One operation on the proxy that was named.
Status OnProxy(const XksOptions& options, std::string_view operation, json::object body) {
  SR_TRY(Deployment deployment, Open(options));
  SR_TRY(const std::string region, RegionOfProxy(deployment, options.proxy));
  body["ProxyId"] = options.proxy;
  auto answer = deployment.api.Strongroom(operation, region, body);
  Wipe(body, "Password");
  if (!answer.ok()) return std::move(answer).error();
  Print(std::move(*answer));
  return {};
}

Status Rotate(const XksOptions& options) {
  return OnProxy(options, "RotateXksProxyCredential", {{"PreviousValidSeconds", options.keep_previous}});
}

Status SetPassword(const XksOptions& options) {
  json::object body;
  SR_CHECK(AddPassword(options, body));
  return OnProxy(options, "SetXksProxyPassword", std::move(body));
}

std::function<Status()> DeclareXks(CLI::App& app) {
  auto options = std::make_shared<XksOptions>();
  auto action = std::make_shared<std::function<Status()>>();
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, std::function<Status()> run) {
    CLI::App* sub = app.add_subcommand(name, summary);
    sub->add_option("--data", options->data, "The data directory")->required();
    sub->callback([action, run = std::move(run)] { *action = run; });
    return sub;
  };
  const auto add_proxy = [&](CLI::App* sub) {
    sub->add_option("--proxy", options->proxy, "The proxy's id (xksp-...)")->required();
  };
  const auto add_password = [&](CLI::App* sub) {
    sub->add_option("--password-file", options->password_file,
                    "File whose first line is the crypto user's password; without it, it is asked for, or read from a "
                    "pipe");
  };

  CLI::App* create =
      add("create", "Make a proxy; its secret access key is shown this once", [options] { return Create(*options); });
  create->add_option("--cluster", options->cluster, "The cluster whose keys become external keys")->required();
  create->add_option("--user", options->user, "The crypto user who owns them")->required();
  create
      ->add_option_function<std::string>(
          "--path-prefix",
          [options](const std::string& given) {
            options->path_prefix = given;
            options->has_prefix = true;
          },
          "What the proxy's path begins with, such as /team-a; \"\" for none; default: the proxy's id")
      ->expected(1);
  create->add_option("--region", options->region,
                     "The Region of the external key store that will call; default: the cluster's region");
  add_password(create);

  add("list", "Show the account's proxies", [options] { return List(*options); });

  add_proxy(add("delete", "End a proxy; the keys stay in the cluster",
                [options] { return OnProxy(*options, "DeleteXksProxy", {}); }));

  CLI::App* rotate = add("rotate-credential", "Make a new credential; its secret access key is shown this once",
                         [options] { return Rotate(*options); });
  add_proxy(rotate);
  rotate
      ->add_option("--keep-previous", options->keep_previous,
                   "Seconds for which the credential before it counts as well; default: a day")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{30} * 24 * 3600));

  add_proxy(add("disable", "Switch a proxy off and log its crypto user out; set-password switches it on",
                [options] { return OnProxy(*options, "DisableXksProxy", {}); }));

  CLI::App* password = add("set-password", "Tell a proxy its crypto user's new password, and switch it on",
                           [options] { return SetPassword(*options); });
  add_proxy(password);
  add_password(password);

  CLI::App* key = add("create-key", "Make an AES-256 key in the cluster, fit to be an external key", [options] {
    return OnProxy(*options, "CreateXksKey", {{"KeyId", options->key}});
  });
  add_proxy(key);
  key->add_option("--key", options->key, "The key's label, which is its XKS key id")->required();

  return [action] { return (*action)(); };
}

}  // namespace

const Command op::xks = {"xks", "External key store proxies: a cluster's keys for AWS KMS", &DeclareXks};

}  // namespace strongroom::cli
