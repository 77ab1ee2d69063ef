#include "archive/snapshot.h"

#include "archive/data_keys.h"
#include "archive/expecting_cmm.h"
#include "archive/paths.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {

namespace esdk = encryption_sdk;

std::string PrefixOf(std::string_view snapshot) { return fmt::format("{}{}/", kSnapshots, snapshot); }
std::string DataPrefixOf(std::string_view snapshot) { return PrefixOf(snapshot) + "data/"; }
std::string ManifestOf(std::string_view snapshot) { return PrefixOf(snapshot) + "manifest"; }
std::string KeysOf(std::string_view snapshot) { return PrefixOf(snapshot) + "keys"; }
std::string ClaimsOf(std::string_view snapshot) { return PrefixOf(snapshot) + "claims/"; }

esdk::EncryptionContext WithKind(esdk::EncryptionContext context, std::string_view kind) {
  context.insert_or_assign(std::string(kContextKind), std::string(kind));
  return context;
}

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
  ExpectingCmm expecting(*cmm, {.context = {{std::string(kContextLocation), access.location.id},
                                            {std::string(kContextSnapshot), name},
                                            {std::string(kContextKind), std::string(kKindManifest)}}});
  SR_TRY(auto decryptor, esdk::Decryptor::Start(expecting, {}, [&](ByteView plain) -> Status {
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
  esdk::EncryptionContext expected = WithKind(message->header.context, kKindData);
  expected.erase(std::string(esdk::kPublicKeyName));
  return Snapshot{.name = name,
                  .manifest = std::move(manifest),
                  .cmm = std::move(cmm),
                  .expected = std::move(expected),
                  .header = std::move(message->header)};
}

namespace {

/// The object's size; nothing where there is none.
Result<std::optional<std::uint64_t>> SizeOf(aws_client::ObjectStore& store, const std::string& name) {
  const auto there = store.Head(name);
  if (there.ok()) return std::optional(there->size);
  if (there.error().code() == Errc::kNotFound) return std::optional<std::uint64_t>();
  return there.error();
}

}  // namespace

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
    // Behind everything that begins with "NAME/", whatever lies there: '0' is the byte after '/'.
    after = fmt::format("{}{}{}", kSnapshots, state.name, static_cast<char>('/' + 1));
    if (!CheckName("snapshot", state.name).ok()) continue;
    // Asked by name: somebody else's objects beside them may fill any page.
    SR_TRY(const auto manifest, SizeOf(store, ManifestOf(state.name)));
    SR_TRY(const auto keys, SizeOf(store, KeysOf(state.name)));
    state.finished = manifest.has_value();
    state.manifest_bytes = manifest.value_or(0);
    state.rekeyed = keys.has_value();
    found.push_back(std::move(state));
  }
}

}  // namespace strongroom::archive
