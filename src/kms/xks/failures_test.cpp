#include "kms/xks/failures.h"

#include <gtest/gtest.h>

#include <set>

#include "kms/xks/sealed_blob.h"

namespace strongroom::kms {
namespace {

using xks::Failure;

struct Row {
  std::string name;
  Failure failure;
  Errc store_change, create_key;
  std::string connection_code;
  std::string part_of_text;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
// Source: spec/kms.md 7.10.
const Row kRows[] = {
    {"InvalidResponse", Failure::kInvalidResponse, Errc::kXksProxyInvalidResponse, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_RESPONSE", "cannot interpret the response"},
    {"InvalidState", Failure::kInvalidState, Errc::kXksProxyInvalidResponse, Errc::kXksKeyInvalidConfiguration,
     "XKS_PROXY_INVALID_RESPONSE", "the external key is not enabled"},
    {"InvalidKeyUsage", Failure::kInvalidKeyUsage, Errc::kXksProxyInvalidResponse, Errc::kXksKeyInvalidConfiguration,
     "XKS_PROXY_INVALID_RESPONSE", "does not support the requested operation"},
    {"InvalidCiphertext", Failure::kInvalidCiphertext, Errc::kXksProxyInvalidResponse,
     Errc::kCustomKeyStoreInvalidState, "XKS_PROXY_INVALID_RESPONSE", "additional authenticated data is corrupted"},
    {"BadCredential", Failure::kBadCredential, Errc::kXksProxyBadCredential, Errc::kCustomKeyStoreInvalidState,
     "INVALID_CREDENTIALS", "could not authenticate AWS KMS"},
    {"AccessDenied", Failure::kAccessDenied, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_ACCESS_DENIED", "denied access to the operation"},
    {"KeyNotFound", Failure::kKeyNotFound, Errc::kXksProxyInvalidResponse, Errc::kXksKeyNotFound,
     "XKS_PROXY_INVALID_RESPONSE", "could not find the external key"},
    {"InvalidUriPath", Failure::kInvalidUriPath, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_CONFIGURATION", "invalid URI path"},
    {"Throttled", Failure::kThrottled, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_NOT_REACHABLE", "very high request rate"},
    {"Internal", Failure::kInternal, Errc::kXksProxyInvalidResponse, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_RESPONSE", "cannot communicate with the external key manager"},
    {"Unsupported", Failure::kUnsupported, Errc::kXksProxyInvalidResponse, Errc::kUnsupported,
     "XKS_PROXY_INVALID_RESPONSE", "requested cryptographic operation"},
    {"TimedOut", Failure::kTimedOut, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_TIMED_OUT", "did not respond in time"},
    {"NotReachable", Failure::kNotReachable, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_NOT_REACHABLE", "transient network issue"},
    {"Tls", Failure::kTls, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_TLS_CONFIGURATION", "cannot establish a TLS connection"},
    {"Unhealthy", Failure::kUnhealthy, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_NOT_REACHABLE", "in an unhealthy state"},
    {"OwnTrouble", Failure::kOwnTrouble, Errc::kInternal, Errc::kInternal, "INTERNAL_ERROR", "at the moment"},
};
class ProxyFailure : public ::testing::TestWithParam<Row> {};
TEST_P(ProxyFailure, IsToldAsTheTableSays) {
  const Row& row = GetParam();
  const xks::Failed failed{row.failure, "the proxy's own words"};
  const Error use = ProxyErrorInUse(failed), change = ProxyErrorInStoreChange(failed),
              create = ProxyErrorInCreateKey(failed);
  EXPECT_EQ(use.code(), row.failure == Failure::kOwnTrouble ? Errc::kInternal : Errc::kInvalidState);
  EXPECT_EQ(change.code(), row.store_change);
  EXPECT_EQ(create.code(), row.create_key);
  EXPECT_EQ(ProxyConnectionCode(row.failure), row.connection_code);
  for (const Error* error : {&use, &change, &create}) {
    EXPECT_NE(error->public_message().find(row.part_of_text), std::string::npos) << error->public_message();
    EXPECT_EQ(error->public_message().find("own words"), std::string::npos) << "a proxy's text is for the log";
    EXPECT_EQ(error->detail(), "the proxy's own words");
  }
}
INSTANTIATE_TEST_SUITE_P(Xks, ProxyFailure, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

TEST(ExternalBlob, IsReadAsItWasWritten) {
  for (const std::size_t iv : {12u, 16u}) {
    for (const std::size_t metadata : {0u, 20u}) {
      const xks::EncryptAnswer sealed{Bytes(49, 1), Bytes(iv, 2), Bytes(16, 3), Bytes(metadata, 4)};
      const Bytes header{'h'};
      const Bytes blob = EncodeExternalBlob(header, sealed);
      ASSERT_EQ(blob.size(), 1 + 1 + iv + 16 + 1 + metadata + 49);
      const auto read = ParseExternalBlob(ByteView(blob).subspan(1));
      ASSERT_TRUE(read.ok());
      EXPECT_EQ(read->ciphertext, sealed.ciphertext);
      EXPECT_EQ(read->iv, sealed.iv);
      EXPECT_EQ(read->tag, sealed.tag);
      EXPECT_EQ(read->metadata, sealed.metadata);
    }
  }
}

TEST(ExternalBlob, CutOrOversizeIsRefused) {
  const Bytes blob = EncodeExternalBlob({}, {Bytes(1, 1), Bytes(12, 2), Bytes(16, 3), Bytes(20, 4)});
  for (std::size_t size = 0; size < blob.size(); ++size) {
    const auto read = ParseExternalBlob(ByteView(blob).first(size));
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_EQ(read.error().code(), Errc::kBadCiphertext);
    EXPECT_EQ(read.error().public_message(), "");
  }
  EXPECT_TRUE(ParseExternalBlob(blob).ok());
  Bytes odd_iv = blob;
  odd_iv[0] = 13;
  EXPECT_FALSE(ParseExternalBlob(odd_iv).ok());
  Bytes long_metadata = blob;
  long_metadata[1 + 12 + 16] = 21;
  EXPECT_FALSE(ParseExternalBlob(long_metadata).ok());
  EXPECT_FALSE(ParseExternalBlob(EncodeExternalBlob({}, {Bytes(4301, 1), Bytes(12, 2), Bytes(16, 3), Bytes()})).ok());
}

}  // namespace
}  // namespace strongroom::kms
