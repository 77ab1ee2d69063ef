#include "archive/location.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>

#include "archive/fd.h"
#include "archive/paths.h"
#include "base/bytes.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/key_pair.h"

namespace strongroom::archive {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestFile = 4 << 20;

Result<std::filesystem::path> UserDirectory(const char* variable, std::string_view below_home) {
  const char* set = std::getenv(variable);
  if (set != nullptr && *set == '/') return std::filesystem::path(set);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/')
    return Error(Errc::kInvalidArgument, fmt::format("Neither {} nor HOME is set.", variable));
  return std::filesystem::path(home) / below_home;
}

json::value ToJson(const WrappingKeys& keys) {
  json::array kms, offline;
  for (const std::string& key : keys.kms_keys) kms.emplace_back(key);
  for (const OfflineKey& key : keys.offline) offline.push_back({{"name", key.name}, {"pem", key.pem}});
  return {{"kms", std::move(kms)}, {"offline", std::move(offline)}};
}

json::value ToJson(const Location& location) {
  json::object object{{"id", location.id}, {"url", location.url}, {"keys", ToJson(location.keys)}};
  if (!location.s3_endpoint.empty()) object["s3_endpoint"] = location.s3_endpoint;
  if (!location.kms_endpoint.empty()) object["kms_endpoint"] = location.kms_endpoint;
  if (!location.region.empty()) object["region"] = location.region;
  if (!location.kms_profile.empty()) object["kms_profile"] = location.kms_profile;
  if (location.next_keys) object["next_keys"] = ToJson(*location.next_keys);
  if (location.previous_keys) object["previous_keys"] = ToJson(*location.previous_keys);
  return object;
}

Error Wrong(std::string_view member) {
  return Error(Errc::kInvalidArgument, fmt::format("The member '{}' is missing or not what it should be.", member));
}

Result<std::string> Text(const json::object& object, std::string_view member, bool required) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr && !required) return std::string();
  if (value == nullptr || !value->is_string()) return Wrong(member);
  return std::string(value->as_string());
}

Result<WrappingKeys> KeysFrom(const json::value* value, std::string_view member) {
  if (value == nullptr || !value->is_object()) return Wrong(member);
  const json::value* kms = value->as_object().if_contains("kms");
  const json::value* offline = value->as_object().if_contains("offline");
  if (kms == nullptr || !kms->is_array() || offline == nullptr || !offline->is_array()) return Wrong(member);
  WrappingKeys keys;
  for (const json::value& key : kms->as_array()) {
    if (!key.is_string()) return Wrong(member);
    keys.kms_keys.emplace_back(key.as_string());
  }
  for (const json::value& key : offline->as_array()) {
    if (!key.is_object()) return Wrong(member);
    OfflineKey one;
    SR_TRY(one.name, Text(key.as_object(), "name", true));
    SR_TRY(one.pem, Text(key.as_object(), "pem", true));
    SR_TRY(const auto spki, SpkiOfPem(one.pem));
    if (OfflineKeyName(spki) != one.name) return Wrong("name");
    keys.offline.push_back(std::move(one));
  }
  return keys;
}

Result<Location> LocationFrom(std::string_view name, const json::value& value) {
  SR_CHECK(CheckName("location", name));
  if (!value.is_object()) return Wrong(name);
  const json::object& object = value.as_object();
  Location location;
  location.name = name;
  SR_TRY(location.id, Text(object, "id", true));
  SR_TRY(location.url, Text(object, "url", true));
  SR_TRY(location.s3_endpoint, Text(object, "s3_endpoint", false));
  SR_TRY(location.kms_endpoint, Text(object, "kms_endpoint", false));
  SR_TRY(location.region, Text(object, "region", false));
  SR_TRY(location.kms_profile, Text(object, "kms_profile", false));
  SR_TRY(location.keys, KeysFrom(object.if_contains("keys"), "keys"));
  for (const auto& [member, read] :
       {std::pair("next_keys", &location.next_keys), std::pair("previous_keys", &location.previous_keys)}) {
    if (const json::value* keys = object.if_contains(member)) {
      SR_TRY(*read, KeysFrom(keys, member));
    }
  }
  const auto id = FromHex(location.id);
  if (!id.ok() || id->size() != 16) return Wrong("id");
  return location;
}

}  // namespace

Result<std::filesystem::path> StateDirectory() {
  SR_TRY(const auto base, UserDirectory("XDG_STATE_HOME", ".local/state"));
  return base / "strongroom" / "archive";
}

Status MakePrivateDirectories(const std::filesystem::path& directory) {
  std::filesystem::path made;
  for (const auto& part : directory) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError("'" + made.string() + "'", errno);
  }
  return {};
}

Result<LocationFile> LocationFile::At(const std::string& file) {
  if (!file.empty()) return LocationFile(std::filesystem::absolute(file));
  SR_TRY(const auto base, UserDirectory("XDG_CONFIG_HOME", ".config"));
  return LocationFile(base / "strongroom" / "archive.json");
}

Result<std::map<std::string, Location>> LocationFile::All() const {
  std::map<std::string, Location> all;
  const auto text = ReadFile(path_, kLargestFile);
  if (!text.ok() && text.error().code() == Errc::kNotFound) return all;
  if (!text.ok()) return text.error();
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::kInvalidArgument, fmt::format("{}: {}", path_.string(), why));
  };
  boost::system::error_code failed;
  const json::value value = json::parse(*text, failed);
  if (failed || !value.is_object()) return wrong("This is no JSON object.");
  const json::value* format = value.as_object().if_contains("format");
  if (format == nullptr || *format != 1) return wrong("This is no file of locations of format 1.");
  const json::value* locations = value.as_object().if_contains("locations");
  if (locations == nullptr || !locations->is_object()) return wrong("The member 'locations' is missing.");
  for (const auto& [name, one] : locations->as_object()) {
    auto location = LocationFrom(std::string_view(name), one);
    if (!location.ok())
      return wrong(fmt::format("location '{}': {}", std::string_view(name), location.error().public_message()));
    all.emplace(std::string(name), *std::move(location));
  }
  return all;
}

Result<Location> LocationFile::Find(const std::string& name) const {
  SR_TRY(const auto all, All());
  const auto found = all.find(name);
  if (found == all.end())
    return Error(Errc::kNotFound,
                 fmt::format("There is no location '{}' in {}. `strongroom archive location list` shows "
                             "what there is.",
                             Printable(name), path_.string()));
  return found->second;
}

Status LocationFile::Save(const std::map<std::string, Location>& locations) const {
  json::object all;
  for (const auto& [name, location] : locations) all[name] = ToJson(location);
  const json::value file{{"format", 1}, {"locations", std::move(all)}};
  return WriteFileAtomically(path_, json::serialize(file) + "\n", 0600);
}

Status LocationFile::Change(const std::function<Status(std::map<std::string, Location>&)>& change) const {
  SR_CHECK(MakePrivateDirectories(path_.parent_path()));
  const std::string lock_file = path_.string() + ".lock";
  const Fd lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return ErrnoError("'" + lock_file + "'", errno);
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return ErrnoError("'" + lock_file + "'", errno);
  SR_TRY(auto all, All());
  SR_CHECK(change(all));
  return Save(all);
}

Status LocationFile::Add(const Location& location) const {
  return Change([&](auto& all) -> Status {
    if (all.emplace(location.name, location).second) return {};
    return Error(Errc::kAlreadyExists,
                 fmt::format("There is a location '{}' already: {}.", location.name, all.at(location.name).url));
  });
}

Status LocationFile::Replace(const Location& location) const {
  return Change([&](auto& all) -> Status {
    all[location.name] = location;
    return {};
  });
}

Status LocationFile::Remove(const std::string& name) const {
  return Change([&](auto& all) -> Status {
    if (all.erase(name) == 1) return {};
    return Error(Errc::kNotFound, fmt::format("There is no location '{}'.", Printable(name)));
  });
}

std::string OfflineKeyName(std::span<const std::uint8_t> spki) { return Hex(crypto::Sha256(spki)); }

Result<std::vector<std::uint8_t>> SpkiOfPem(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----", kEnd = "-----END PUBLIC KEY-----";
  const auto begin = pem.find(kBegin), end = pem.find(kEnd);
  std::string base64;
  if (begin != std::string_view::npos && end != std::string_view::npos && end > begin)
    for (const char c : pem.substr(begin + kBegin.size(), end - begin - kBegin.size()))
      if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  auto der = FromBase64(base64);
  if (base64.empty() || !der.ok())
    return Error(Errc::kInvalidArgument,
                 "This is no PEM public key (`openssl pkey -in private.pem -pubout` makes one).");
  return der;
}

Result<OfflineKey> ReadOfflinePublicKey(const std::filesystem::path& file) {
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::kInvalidArgument, fmt::format("{}: {}", file.string(), why));
  };
  SR_TRY(std::string pem, ReadFile(file, 64 << 10));
  if (pem.find("PRIVATE KEY") != std::string::npos)
    return wrong(
        "This is a private key, which belongs in a safe. Give the public half, which `openssl pkey -in FILE "
        "-pubout` makes.");
  const auto spki = SpkiOfPem(pem);
  if (!spki.ok()) return wrong(spki.error().public_message());
  const auto key = crypto::PublicKey::FromSpki(*spki);
  if (!key.ok() || key->RsaModulus().size() < 256) return wrong("An RSA key of at least 2,048 bits is needed.");
  return OfflineKey{OfflineKeyName(*spki), std::move(pem)};
}

}  // namespace strongroom::archive
