#pragma once

#include "hsm_client/testing/hsm_double.h"

namespace strongroom::hsm_client::testing {

/// Sign, Verify, GenerateMac, VerifyMac, AsymmetricEncrypt, AsymmetricDecrypt, DeriveSharedSecret, GetPublicKey and
/// ReSeal, with real algorithms. Everything else: kUnsupported.
Result<DoubleReply> ExecuteTokenKeyCommand(DoubleCluster& cluster, DoubleSession& session, wire::Command command,
                                           wire::Frame& frame);

/// MakeImportKey and ImportKey.
Result<DoubleReply> ExecuteImportCommand(DoubleCluster& cluster, wire::Command command, const wire::Frame& frame);

// What the files of the double's commands use.

Result<DoubleReply> MakeReply(const google::protobuf::MessageLite& message, std::vector<SecretBuffer> segments = {});
/// `kind | material` of a token, or a key's material by its handle (kind 1). Errors: as an HSM's.
Result<SecretBuffer> MaterialOnDouble(DoubleCluster& cluster, const DoubleSession& session, const proto::KeyRef& key,
                                      std::uint8_t kind);
/// Material wrapped under the cluster's domain key.
Result<std::string> TokenOnDouble(DoubleCluster& cluster, std::uint8_t kind, const SecretBuffer& material,
                                  const std::string& binding);
Result<Bytes> SealOnDouble(const SecretBuffer& key, const std::string& header, const std::string& context,
                           const SecretBuffer& plaintext);
Result<SecretBuffer> OpenOnDouble(const SecretBuffer& key, const std::string& header, const std::string& context,
                                  const std::string& sealed);

}  // namespace strongroom::hsm_client::testing
