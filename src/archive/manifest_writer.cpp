#include "archive/manifest_writer.h"

#include "archive/packer.h"
#include "encryption_sdk/encryptor.h"

namespace strongroom::archive {

namespace esdk = encryption_sdk;

Status SealManifest(esdk::Cmm& cmm, const esdk::EncryptionContext& context, const ManifestParts& parts, Spool& sealed) {
  esdk::EncryptOptions options;
  options.suite = esdk::SuiteId::k256CommitP384;
  options.plaintext_bound = parts.entries.size() + parts.objects.size() * 256 + (64 << 10);
  SR_TRY(auto encryptor, esdk::Encryptor::Start(cmm, context, options, [&](ByteView bytes) -> Status {
           const auto appended = sealed.Append(bytes);
           if (!appended.ok()) return appended.error();
           return {};
         }));
  Bytes bytes;
  const auto write = [&](const pb::Record& record) {
    bytes.clear();
    AppendRecord(bytes, record);
    return encryptor.Write(bytes);
  };
  pb::Record record;
  *record.mutable_header() = parts.header;
  SR_CHECK(write(record));
  for (std::uint64_t i = 0; i < parts.objects.size(); ++i) {
    SR_TRY(const ObjectFacts facts, parts.objects.At(i));
    *record.mutable_object() = ToRecord(facts);
    SR_CHECK(write(record));
  }
  SpoolCursor cursor(parts.entries, 0, parts.entries.size());
  while (!cursor.done()) {
    const std::uint64_t left = parts.entries.size() - cursor.offset();
    SR_TRY(const ByteView piece, cursor.Take(static_cast<std::size_t>(std::min<std::uint64_t>(left, 256 << 10))));
    SR_CHECK(encryptor.Write(piece));
  }
  *record.mutable_end() = parts.end;
  SR_CHECK(write(record));
  SR_CHECK(encryptor.Finish());
  return sealed.Flush();
}

Status PutOnce(aws_client::ObjectStore& store, const std::string& name, const Spool& spool) {
  SpoolCursor cursor(spool, 0, spool.size(), kPartBytes);
  if (spool.size() <= kPartBytes) {
    SR_TRY(const ByteView bytes, cursor.Take(static_cast<std::size_t>(spool.size())));
    const auto put = store.Put(name, bytes, aws_client::PutIf::kAbsent);
    if (!put.ok()) return put.error();
    return {};
  }
  SR_TRY(const auto upload, store.StartUpload(name, kPartBytes));
  std::uint32_t number = 0;
  while (!cursor.done()) {
    const std::uint64_t left = spool.size() - cursor.offset();
    SR_TRY(const ByteView bytes, cursor.Take(static_cast<std::size_t>(std::min<std::uint64_t>(left, kPartBytes))));
    SR_CHECK(upload->Part(++number, bytes));
  }
  const auto completed = upload->Complete(aws_client::PutIf::kAbsent);
  if (completed.ok()) return {};
  (void)upload->Abort().ok();
  return completed.error();
}

Result<bool> IsStored(aws_client::ObjectStore& store, const std::string& name, const Spool& spool) {
  std::uint64_t at = 0;
  bool same = true;
  Bytes mine;
  const auto got = store.Get(name, std::nullopt, [&](ByteView bytes) -> Status {
    if (!same || bytes.size() > spool.size() - at) {
      same = false;
      return {};
    }
    mine.resize(bytes.size());
    SR_CHECK(spool.ReadAt(at, mine));
    same = std::equal(bytes.begin(), bytes.end(), mine.begin());
    at += bytes.size();
    return {};
  });
  if (!got.ok()) return got.error();
  return same && at == spool.size();
}

}  // namespace strongroom::archive
