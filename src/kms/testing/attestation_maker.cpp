#include "kms/testing/attestation_maker.h"

#include <cbor.h>
#include <openssl/ecdsa.h>

#include <array>
#include <chrono>

namespace strongroom::kms::testing {
namespace cbor {
namespace {

template <typename Number>
Bytes Head(std::size_t (*encode)(Number, unsigned char*, std::size_t), Number value) {
  std::array<unsigned char, 9> head{};
  const std::size_t size = encode(value, head.data(), head.size());
  return Bytes(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
}
Bytes With(Bytes head, ByteView rest) {
  Append(head, rest);
  return head;
}

}  // namespace

Bytes Unsigned(std::uint64_t value) { return Head(&::cbor_encode_uint, value); }
Bytes Negative(std::uint64_t minus_one_minus) { return Head(&::cbor_encode_negint, minus_one_minus); }
Bytes Text(std::string_view text) { return With(Head(&::cbor_encode_string_start, text.size()), AsBytes(text)); }
Bytes Blob(ByteView bytes) { return With(Head(&::cbor_encode_bytestring_start, bytes.size()), bytes); }
Bytes Null() { return {0xf6}; }
Bytes Array(const std::vector<Bytes>& items) {
  Bytes out = Head(&::cbor_encode_array_start, items.size());
  for (const Bytes& item : items) Append(out, item);
  return out;
}
Bytes Map(const std::vector<std::pair<Bytes, Bytes>>& pairs) {
  Bytes out = Head(&::cbor_encode_map_start, pairs.size());
  for (const auto& [key, value] : pairs) {
    Append(out, key);
    Append(out, value);
  }
  return out;
}

}  // namespace cbor

namespace {

/// r and s of 48 bytes each.
Bytes RawSignature(const Bytes& der) {
  const unsigned char* cursor = der.data();
  ECDSA_SIG* const signature = ::d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size()));
  Bytes raw(96);
  ::BN_bn2binpad(::ECDSA_SIG_get0_r(signature), raw.data(), 48);
  ::BN_bn2binpad(::ECDSA_SIG_get0_s(signature), raw.data() + 48, 48);
  ::ECDSA_SIG_free(signature);
  return raw;
}

}  // namespace

std::int64_t NowMillis() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

AttestationMaker::AttestationMaker()
    : key_(crypto::PrivateKey::Generate(crypto::KeySpec::kP384).value()),
      root_(crypto::MakeSelfSigned({{"CN", "enclaves"}}, key_, {.ca = true}).value()),
      middle_(crypto::Issue({{"CN", "zone"}}, key_.public_key(), root_, key_, {.ca = true}).value()),
      leaf_(crypto::Issue({{"CN", "enclave"}}, key_.public_key(), middle_, key_, {.days = 1}).value()) {}

Payload AttestationMaker::GoodPayload(const crypto::PublicKey& recipient, std::int64_t made_millis) const {
  const Bytes zeros(48), ones(48, 0x11);
  return {{"module_id", cbor::Text("i-0123456789abcdef0-enc0123456789abcdef")},
          {"digest", cbor::Text("SHA384")},
          {"timestamp", cbor::Unsigned(static_cast<std::uint64_t>(made_millis))},
          {"pcrs", cbor::Map({{cbor::Unsigned(0), cbor::Blob(ones)}, {cbor::Unsigned(4), cbor::Blob(zeros)}})},
          {"certificate", cbor::Blob(leaf_.ToDer())},
          {"cabundle", cbor::Array({cbor::Blob(root_.ToDer()), cbor::Blob(middle_.ToDer())})},
          {"public_key", cbor::Blob(recipient.ToSpki())},
          {"user_data", cbor::Null()},
          {"nonce", cbor::Blob(AsBytes("nonce"))}};
}

Bytes AttestationMaker::Es384Header() { return cbor::Map({{cbor::Unsigned(1), cbor::Negative(34)}}); }

Bytes AttestationMaker::Document(const Payload& payload) const {
  return Document(payload, Es384Header(), [](std::vector<Bytes>&) {});
}

Bytes AttestationMaker::Document(const crypto::PublicKey& recipient) const {
  return Document(GoodPayload(recipient, NowMillis()));
}

Bytes AttestationMaker::Document(const Payload& payload, const Bytes& protected_header,
                                 const std::function<void(std::vector<Bytes>&)>& change) const {
  std::vector<std::pair<Bytes, Bytes>> members;
  for (const auto& [name, value] : payload)
    if (!value.empty()) members.emplace_back(cbor::Text(name), value);
  const Bytes body = cbor::Map(members);
  const Bytes to_be_signed =
      cbor::Array({cbor::Text("Signature1"), cbor::Blob(protected_header), cbor::Blob(Bytes()), cbor::Blob(body)});
  const Bytes der = key_.Sign(crypto::SignatureScheme::kEcdsaSha384, crypto::MessageForm::kRaw, to_be_signed).value();
  std::vector<Bytes> parts{cbor::Blob(protected_header), cbor::Map({}), cbor::Blob(body),
                           cbor::Blob(RawSignature(der))};
  change(parts);
  return cbor::Array(parts);
}

}  // namespace strongroom::kms::testing
