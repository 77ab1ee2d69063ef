#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::cloudhsm {

/// Checks 2 to 8 of InitializeCluster, in their order; the first that fails gives the text.
///
/// Errors    kInvalidArgument, in the API's words.
/// Source    spec/cloudhsm.md 3.4; CloudHSM User Guide, "Initialize the cluster".
Status CheckInitialization(std::string_view csr_pem, std::string_view signed_cert_pem,
                           std::string_view trust_anchor_pem, std::chrono::system_clock::time_point now);

/// The same certificate without whatever stood around it; empty for an empty text. Errors: kInvalidArgument.
Result<std::string> NormalPem(std::string_view pem);
Result<Bytes> PemToDer(std::string_view pem);
Result<std::string> DerToPem(ByteView der);
/// A DER PKCS#10 request as PEM text.
std::string CsrToPem(ByteView der);

}  // namespace strongroom::cloudhsm
