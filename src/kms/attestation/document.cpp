#include "kms/attestation/document.h"

#include <cbor.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string_view>

#include "kms/attestation/cbor_reader.h"

namespace strongroom::kms {
namespace {

constexpr std::size_t kLongestDocument = 262'144;
constexpr std::size_t kSignatureBytes = 96;
constexpr std::size_t kLongestModuleId = 1024, kLongestCertificate = 4096, kMostCertificates = 16, kMostMembers = 64;
constexpr std::size_t kMostPcrs = 32, kLongestPublicKey = 1024, kLongestUserData = 1024;

Error Wrong(std::string_view part) {
  return Error(Errc::kInvalidArgument, "The attestation document's " + std::string(part) + " is not valid.");
}

template <typename T>
Result<T> Or(Result<T> read, std::string_view part) {
  if (!read.ok()) return Wrong(part);
  return read;
}

/// {1: -35}: ECDSA with SHA-384 (RFC 9053). Whatever else it says may be passed over, but for what is marked critical.
Status CheckProtectedHeader(ByteView header) {
  constexpr std::int64_t kAlgorithm = 1, kCritical = 2, kEs384 = -35;
  CborReader in(header);
  SR_TRY(const std::size_t pairs, Or(in.Map(8), "protected header"));
  bool es384 = false;
  for (std::size_t i = 0; i < pairs; ++i) {
    if (in.NextIsText()) {
      if (!in.Skip().ok() || !in.Skip().ok()) return Wrong("protected header");
      continue;
    }
    SR_TRY(const std::int64_t label, Or(in.Integer(), "protected header"));
    if (label == kCritical) return Wrong("protected header");
    if (label == kAlgorithm) {
      const auto algorithm = in.Integer();
      if (es384 || !algorithm.ok() || *algorithm != kEs384) return Wrong("signature algorithm");
      es384 = true;
    } else if (!in.Skip().ok()) {
      return Wrong("protected header");
    }
  }
  if (!es384 || !in.AtEnd()) return Wrong("protected header");
  return {};
}

void Put(Bytes& out, std::size_t (*encode)(std::size_t, unsigned char*, std::size_t), std::size_t size) {
  std::array<unsigned char, 9> head{};
  const std::size_t used = encode(size, head.data(), head.size());
  Append(out, ByteView(head.data(), used));
}

/// ["Signature1", protected header, no external data, payload]
Bytes ToBeSigned(ByteView header, ByteView payload) {
  constexpr std::string_view kContext = "Signature1";
  Bytes out;
  out.reserve(header.size() + payload.size() + 40);
  Put(out, &::cbor_encode_array_start, 4);
  Put(out, &::cbor_encode_string_start, kContext.size());
  Append(out, AsBytes(kContext));
  Put(out, &::cbor_encode_bytestring_start, header.size());
  Append(out, header);
  Put(out, &::cbor_encode_bytestring_start, 0);
  Put(out, &::cbor_encode_bytestring_start, payload.size());
  Append(out, payload);
  return out;
}

Status ReadPcrs(CborReader& in, AttestationDocument& to) {
  SR_TRY(const std::size_t count, in.Map(kMostPcrs));
  if (count == 0) return Wrong("pcrs");
  for (std::size_t i = 0; i < count; ++i) {
    SR_TRY(const std::uint64_t number, in.Unsigned());
    SR_TRY(const ByteView value, in.ByteString(64));
    const bool sized = value.size() == 32 || value.size() == 48 || value.size() == 64;
    if (number >= kMostPcrs || !sized || !to.pcrs.emplace(static_cast<unsigned>(number), ToBytes(value)).second)
      return Wrong("pcrs");
  }
  return {};
}

Status ReadBundle(CborReader& in, AttestationDocument& to) {
  SR_TRY(const std::size_t count, in.Array(kMostCertificates));
  if (count == 0) return Wrong("cabundle");
  for (std::size_t i = 0; i < count; ++i) {
    SR_TRY(const ByteView certificate, in.ByteString(kLongestCertificate));
    to.cabundle.push_back(ToBytes(certificate));
  }
  return {};
}

Status ReadModuleId(CborReader& in, AttestationDocument& to) {
  SR_TRY(const std::string_view id, in.Text(kLongestModuleId));
  if (id.empty()) return Wrong("module_id");
  to.module_id = id;
  return {};
}

Status ReadDigest(CborReader& in, AttestationDocument&) {
  SR_TRY(const std::string_view digest, in.Text(16));
  return digest == "SHA384" ? Status() : Wrong("digest");
}

Status ReadTimestamp(CborReader& in, AttestationDocument& to) {
  constexpr std::uint64_t kLatest = 253'402'300'799'999;  // the end of the year 9999
  SR_TRY(const std::uint64_t millis, in.Unsigned());
  if (millis == 0 || millis > kLatest) return Wrong("timestamp");
  to.made = ports::WallTime(std::chrono::milliseconds(millis));
  return {};
}

Status ReadCertificate(CborReader& in, AttestationDocument& to) {
  SR_TRY(const ByteView certificate, in.ByteString(kLongestCertificate));
  to.certificate = ToBytes(certificate);
  return {};
}

Status ReadPublicKey(CborReader& in, AttestationDocument& to) {
  if (in.NextIsNull()) return in.Skip();
  SR_TRY(const ByteView key, in.ByteString(kLongestPublicKey));
  to.public_key = ToBytes(key);
  return {};
}

Status ReadOptionalBytes(CborReader& in, AttestationDocument&) {
  if (in.NextIsNull()) return in.Skip();
  SR_CHECK(in.ByteString(kLongestUserData));
  return {};
}

struct Member {
  std::string_view name;
  bool required;
  Status (*read)(CborReader&, AttestationDocument&);
};
constexpr auto kMembers = std::to_array<Member>({{"module_id", true, &ReadModuleId},
                                                 {"digest", true, &ReadDigest},
                                                 {"timestamp", true, &ReadTimestamp},
                                                 {"pcrs", true, &ReadPcrs},
                                                 {"certificate", true, &ReadCertificate},
                                                 {"cabundle", true, &ReadBundle},
                                                 {"public_key", false, &ReadPublicKey},
                                                 {"user_data", false, &ReadOptionalBytes},
                                                 {"nonce", false, &ReadOptionalBytes}});

Status ReadPayload(ByteView payload, AttestationDocument& to) {
  CborReader in(payload);
  SR_TRY(const std::size_t pairs, Or(in.Map(kMostMembers), "payload"));
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < pairs; ++i) {
    SR_TRY(const std::string_view name, Or(in.Text(64), "payload"));
    if (!seen.insert(name).second) return Wrong("payload");
    const auto* const member =
        std::find_if(kMembers.begin(), kMembers.end(), [&](const Member& candidate) { return candidate.name == name; });
    const Status read = member == kMembers.end() ? in.Skip() : member->read(in, to);
    if (!read.ok()) return Wrong(member == kMembers.end() ? "payload" : name);
  }
  if (!in.AtEnd()) return Wrong("payload");
  for (const Member& member : kMembers)
    if (member.required && !seen.contains(member.name)) return Wrong(member.name);
  return {};
}

}  // namespace

Result<AttestationDocument> ParseAttestationDocument(ByteView cose) {
  constexpr std::uint8_t kCoseSign1 = 18;
  if (cose.size() > kLongestDocument) return Wrong("length");
  CborReader in(cose);
  in.OptionalTag(kCoseSign1);
  const auto parts = in.Array(4);
  if (!parts.ok() || *parts != 4) return Wrong("form");
  SR_TRY(const ByteView header, Or(in.ByteString(256), "protected header"));
  // The unprotected header says nothing that is relied on.
  SR_TRY(const std::size_t unprotected, Or(in.Map(8), "unprotected header"));
  for (std::size_t i = 0; i < 2 * unprotected; ++i)
    if (!in.Skip().ok()) return Wrong("unprotected header");
  SR_TRY(const ByteView payload, Or(in.ByteString(kLongestDocument), "payload"));
  SR_TRY(const ByteView signature, Or(in.ByteString(kSignatureBytes), "signature"));
  if (signature.size() != kSignatureBytes) return Wrong("signature");
  if (!in.AtEnd()) return Wrong("form");
  SR_CHECK(CheckProtectedHeader(header));
  AttestationDocument document;
  SR_CHECK(ReadPayload(payload, document));
  document.to_be_signed = ToBeSigned(header, payload);
  document.signature = ToBytes(signature);
  return document;
}

}  // namespace strongroom::kms
