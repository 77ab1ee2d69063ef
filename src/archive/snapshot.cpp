#include "archive/snapshot.h"

#include "archive/data_keys.h"
#include "archive/paths.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {

namespace esdk = encryption_sdk;

std::string PrefixOf(std::string_view snapshot) { return fmt::format("{}{}/", kSnapshots, snapshot); }
std::string DataPrefixOf(std::string_view snapshot) { return PrefixOf(snapshot) + "data/"; }
std::string ManifestOf(std::string_view snapshot) { return PrefixOf(snapshot) + "manifest"; }
std::string KeysOf(std::string_view snapshot) { return PrefixOf(snapshot) + "keys"; }

Result<esdk::CmmPtr> ReadingCmm(esdk::KeyringPtr keyring) {
  esdk::CacheLimits limits;
  limits.max_age = std::chrono::minutes(15);
  return esdk::MakeCachingCmm(esdk::MakeDefaultCmm(std::move(keyring)), std::move(limits));
}

Result<Snapshot> OpenSnapshot(const Access& access, const std::string& name) {
  SR_CHECK(CheckName("snapshot", name));
  SR_TRY(auto keyring, access.ReadingKeyring());
  std::optional<Error> unopened;
  SR_TRY(keyring, WithKeptDataKeys(access, name, std::move(keyring), &unopened));
  SR_TRY(esdk::CmmPtr cmm, ReadingCmm(std::move(keyring)));

  SR_TRY(Spool spool, Spool::Make());
  esdk::DecryptOptions options;
  options.reproduced = {{std::string(kContextLocation), access.location.id}, {std::string(kContextSnapshot), name}};
  SR_TRY(auto decryptor, esdk::Decryptor::Start(*cmm, options, [&](ByteView plain) -> Status {
           const auto appended = spool.Append(plain);
           if (!appended.ok()) return appended.error();
           return {};
         }));
  const auto damaged = [&](const Error& error) {
    const auto code = esdk::CodeOf(error);
    if (code == esdk::ErrorCode::kNoDataKey && unopened) return *unopened;
    if (!code || code == esdk::ErrorCode::kNoDataKey) return Error(error);
    return Error(Errc::kCorrupted, fmt::format("The manifest of snapshot '{}' was altered, or is another one's: {}",
                                               name, error.public_message()));
  };
  const auto got =
      access.store->Get(ManifestOf(name), std::nullopt, [&](ByteView bytes) { return decryptor.Write(bytes); });
  if (!got.ok() && got.error().code() == Errc::kNotFound && !esdk::CodeOf(got.error())) {
    const auto page = access.store->List(PrefixOf(name), "", 1);
    const bool unfinished = page.ok() && !page->objects.empty();
    return Error(Errc::kNotFound,
                 unfinished
                     ? fmt::format("The snapshot '{}' is unfinished: `put` under this name goes on with it, `delete` "
                                   "drops it.",
                                   name)
                     : fmt::format("There is no snapshot '{}' in {}.", name, access.store->Description()));
  }
  if (!got.ok()) return damaged(got.error());
  auto message = decryptor.Finish();
  if (!message.ok()) return damaged(message.error());
  if (message->header.suite != esdk::SuiteId::k256CommitP384)
    return Error(Errc::kCorrupted,
                 fmt::format("The manifest of snapshot '{}' is not signed, so this program did not write "
                             "it.",
                             name));
  SR_TRY(Manifest manifest, Manifest::Open(std::move(spool)));
  if (manifest.header().location_id() != access.location.id || manifest.header().snapshot() != name)
    return Error(Errc::kCorrupted, fmt::format("The manifest of snapshot '{}' is another snapshot's.", name));
  esdk::EncryptionContext expected = message->header.context;
  expected.erase(std::string(esdk::kPublicKeyName));
  return Snapshot{.name = name,
                  .manifest = std::move(manifest),
                  .cmm = std::move(cmm),
                  .expected = std::move(expected),
                  .header = std::move(message->header)};
}

Result<std::vector<SnapshotState>> ListSnapshots(aws_client::ObjectStore& store) {
  std::vector<SnapshotState> found;
  std::string after;
  for (;;) {
    SR_TRY(const aws_client::ObjectPage page, store.List(kSnapshots, after, 1));
    if (page.objects.empty()) return found;
    const std::string& first = page.objects.front().name;
    const std::string_view rest = std::string_view(first).substr(kSnapshots.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) {
      after = first;
      continue;
    }
    SnapshotState state;
    state.name = rest.substr(0, slash);
    const std::string prefix = PrefixOf(state.name);
    // Past all data: "keys" and "manifest" come after "data/".
    SR_TRY(const aws_client::ObjectPage others, store.List(prefix, prefix + "data/~", 10));
    for (const aws_client::ObjectInfo& object : others.objects) {
      if (object.name == KeysOf(state.name)) state.rekeyed = true;
      if (object.name != ManifestOf(state.name)) continue;
      state.finished = true;
      state.manifest_bytes = object.size;
    }
    if (CheckName("snapshot", state.name).ok()) found.push_back(std::move(state));
    after = prefix + "~";
  }
}

}  // namespace strongroom::archive
