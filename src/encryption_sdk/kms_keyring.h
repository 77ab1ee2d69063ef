#pragma once

#include <optional>
#include <string>
#include <vector>

#include "encryption_sdk/keyring.h"
#include "encryption_sdk/kms_port.h"

namespace strongroom::encryption_sdk {

struct KmsKeyringOptions {
  std::string key_id;  // key ARN; an alias or a bare id can encrypt but never decrypt
  std::shared_ptr<KmsPort> kms;
  GrantTokens grant_tokens;  // 0..10
};

/// One KMS key, matched exactly. Errors: InvalidArgument.
Result<KeyringPtr> MakeKmsKeyring(KmsKeyringOptions options);
/// One KMS key; opens what a related multi-Region key wrapped, too, by asking for its own ARN. Errors: InvalidArgument.
Result<KeyringPtr> MakeKmsMrkKeyring(KmsKeyringOptions options);

/// Keys of these accounts in this partition only.
struct DiscoveryFilter {
  std::string partition;
  std::vector<std::string> accounts;
};
/// Opens what any key of the port's Region wrapped; never encrypts. Errors: InvalidArgument (an empty account list).
Result<KeyringPtr> MakeKmsDiscoveryKeyring(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter,
                                           GrantTokens grant_tokens = {});
/// The same, and multi-Region keys of other Regions are asked for in the port's Region.
Result<KeyringPtr> MakeKmsMrkDiscoveryKeyring(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter,
                                              GrantTokens grant_tokens = {});

/// A multi-keyring from ARNs: `generator` (may be empty) and `others`, each asked in its own Region.
/// Errors: InvalidArgument (no key, not an ARN); what the supplier answers.
Result<KeyringPtr> MakeKmsKeyrings(KmsSupplier& supplier, std::string generator, std::vector<std::string> others,
                                   const GrantTokens& grant_tokens = {});
/// The same with multi-Region matching. Errors: also InvalidArgument naming related keys that are given twice.
Result<KeyringPtr> MakeKmsMrkKeyrings(KmsSupplier& supplier, std::string generator, std::vector<std::string> others,
                                      const GrantTokens& grant_tokens = {});
/// Discovery in each of the Regions. Errors: InvalidArgument for an empty list.
Result<KeyringPtr> MakeKmsDiscoveryKeyrings(KmsSupplier& supplier, const std::vector<std::string>& regions,
                                            std::optional<DiscoveryFilter> filter,
                                            const GrantTokens& grant_tokens = {});
Result<KeyringPtr> MakeKmsMrkDiscoveryKeyrings(KmsSupplier& supplier, const std::vector<std::string>& regions,
                                               std::optional<DiscoveryFilter> filter,
                                               const GrantTokens& grant_tokens = {});

}  // namespace strongroom::encryption_sdk
