#include "archive/location_keys.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "crypto/random.h"
#include "encryption_sdk/kms_arn.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;

class Tester {
 public:
  explicit Tester(const Access& access) : access_(access) {}

  std::vector<Check> RunKeys(const WrappingKeys& keys) {
    Keys(keys);
    return std::move(checks_);
  }
  std::vector<Check> Run() {
    Keys(access_.location.keys);
    Store();
    WordOfRekey();
    return std::move(checks_);
  }

 private:
  bool Add(std::string what, const Status& status) {
    Check check{.what = std::move(what)};
    if (!status.ok()) {
      check.error = status.error().public_message();
      check.code = status.error().code();
    }
    checks_.push_back(std::move(check));
    return status.ok();
  }

  /// One KMS call as a check; null when it failed.
  template <typename T>
  std::optional<T> Call(std::string_view action, const std::string& key, Result<T> result) {
    const bool fine = Add(fmt::format("{} on {}", action, key), result.ok() ? Status() : Status(result.error()));
    if (!fine) return std::nullopt;
    return std::move(result).value();
  }

  void Keys(const WrappingKeys& keys) {
    const esdk::EncryptionContext context{{std::string(kContextLocation), access_.location.id},
                                          {std::string(kContextSnapshot), "test"},
                                          {std::string(kContextKind), std::string(kKindData)},
                                          {std::string(kContextPath), "-"}};
    std::optional<esdk::KmsDataKey> data_key;
    bool first = true;
    for (const std::string& key : keys.kms_keys) {
      const auto arn = esdk::ParseKmsArn(key);
      if (!arn) {
        Add("key " + key, Error(Errc::kInvalidArgument, "This is no key ARN."));
        continue;
      }
      const auto port = access_.kms->ForRegion(arn->region);
      if (!port.ok()) {
        Add("KMS in " + arn->region, port.error());
        continue;
      }
      Bytes ciphertext;
      if (std::exchange(first, false)) {
        data_key = Call("kms:GenerateDataKey", key, (*port)->GenerateDataKey(key, 32, context, {}));
        if (data_key) ciphertext = data_key->ciphertext;
      } else if (data_key) {
        const auto sealed = Call("kms:Encrypt", key, (*port)->Encrypt(key, data_key->plaintext, context, {}));
        if (sealed) ciphertext = sealed->ciphertext;
      }
      if (!ciphertext.empty()) (void)Call("kms:Decrypt", key, (*port)->Decrypt(key, ciphertext, context, {}));
    }
  }

  void Store() {
    aws_client::ObjectStore& store = *access_.store;
    const bool s3 = access_.location.is_s3();
    const std::string where = store.Description();
    const auto name = [&](std::string_view action, std::string_view plain) {
      return fmt::format("{} {} {}", s3 ? action : plain, s3 ? "on" : "in", where);
    };
    std::array<std::uint8_t, 8> random{};
    if (!Add("random bytes", crypto::Random(random))) return;
    checks_.pop_back();
    const std::string probe = "strongroom-probe-" + Hex(random);
    Bytes content(1024, 0x5a);
    const auto put = store.Put(probe, content, aws_client::PutIf::kAbsent);
    if (!Add(name("s3:PutObject", "writing"), put.ok() ? Status() : Status(put.error()))) return;
    const auto got = aws_client::GetAll(store, probe, 4096);
    Status read = got.ok() ? Status() : Status(got.error());
    if (got.ok() && *got != content) read = Error(Errc::kCorrupted, "Other bytes come back than were written.");
    Add(name("s3:GetObject", "reading"), read);
    const auto page = store.List(probe, "", 10);
    Status listed = page.ok() ? Status() : Status(page.error());
    if (page.ok() && page->objects.size() != 1) listed = Error(Errc::kCorrupted, "What was written is not listed.");
    Add(name("s3:ListBucket", "listing"), listed);
    WrittenOnce(store, probe, where);
    const std::string parts = probe + "-parts";
    Add(name("s3:PutObject in parts", "writing in parts"), InParts(store, parts, content));
    Add(name("s3:AbortMultipartUpload", "giving up what is in parts"), GivenUp(store, parts));
    // None is as old as that: it is only about being allowed to ask.
    const auto dropped = store.DropUnfinishedUploads(parts, std::chrono::hours(24 * 365 * 10));
    Add(name("s3:ListBucketMultipartUploads", "listing what was given up"),
        dropped.ok() ? Status() : Status(dropped.error()));
    const std::array names{probe, parts};
    Add(name("s3:DeleteObject", "deleting"), store.Delete(names));
  }

  /// Whether two writers of one snapshot find out about each other by the server's condition, or by claims.
  void WrittenOnce(aws_client::ObjectStore& store, const std::string& probe, const std::string& where) {
    // Other bytes: a store that finds its own in the way takes the write for done.
    const auto again = store.Put(probe, AsBytes("again"), aws_client::PutIf::kAbsentToServer);
    const std::string what = access_.location.is_s3() ? "s3:PutObject with If-None-Match on " : "writing once in ";
    if (!again.ok() && again.error().code() == Errc::kAlreadyExists) {
      Add(what + where, {});
    } else if (again.ok() || again.error().code() == Errc::kUnsupported) {
      Add("If-None-Match is not known on " + where + ": `put` keeps two writers apart by claims", {});
    } else {
      Add(what + where, again.error());
    }
  }

  /// That no rekey has made other keys the location's.
  void WordOfRekey() {
    const auto word = ReadLocationKeys(*access_.store);
    // A store that cannot be read has said so already.
    if (word.ok() && *word)
      Add("the location's wrapping keys", CheckLocationKeys(access_, **word, access_.location.keys));
  }

  static Status InParts(aws_client::ObjectStore& store, const std::string& name, ByteView content) {
    SR_TRY(const auto upload, store.StartUpload(name, aws_client::kSmallestPartBytes));
    Status sent = upload->Part(1, content);
    if (sent.ok()) {
      const auto completed = upload->Complete(aws_client::PutIf::kAny);
      if (completed.ok()) return {};
      sent = completed.error();
    }
    (void)upload->Abort().ok();
    return sent;
  }

  static Status GivenUp(aws_client::ObjectStore& store, const std::string& name) {
    SR_TRY(const auto upload, store.StartUpload(name, aws_client::kSmallestPartBytes));
    return upload->Abort();
  }

  const Access& access_;
  std::vector<Check> checks_;
};

}  // namespace

std::vector<Check> TestLocation(const Access& access) { return Tester(access).Run(); }
std::vector<Check> TestKeys(const Access& access, const WrappingKeys& keys) { return Tester(access).RunKeys(keys); }

Result<std::vector<std::string>> ResolveKeys(const Access& access, const std::vector<std::string>& given,
                                             const std::string& region) {
  std::vector<std::string> arns;
  for (const std::string& key : given) {
    const auto arn = esdk::ParseKmsArn(key);
    // Without any, it is the configured one.
    const std::string where = arn ? arn->region : region;
    SR_TRY(const auto port, access.kms->ForRegion(where));
    const auto described = port->DescribeKey(key, {});
    if (!described.ok()) {
      // An ARN of a key needs no resolving; the calls that follow say whether it serves.
      if (arn && arn->is_key() && described.error().code() == Errc::kAccessDenied) {
        arns.push_back(key);
        continue;
      }
      return Error(described.error().code(),
                   fmt::format("kms:DescribeKey on {}: {}", key, described.error().public_message()));
    }
    if (described->usage != "ENCRYPT_DECRYPT" || described->spec != "SYMMETRIC_DEFAULT")
      return Error(Errc::kInvalidArgument, fmt::format("The key {} is of kind {} for {}: a symmetric encryption key is "
                                                       "needed.",
                                                       described->arn, described->spec, described->usage));
    if (std::find(arns.begin(), arns.end(), described->arn) != arns.end())
      return Error(Errc::kInvalidArgument, fmt::format("The key {} is named twice.", described->arn));
    arns.push_back(described->arn);
  }
  return arns;
}

}  // namespace strongroom::archive
