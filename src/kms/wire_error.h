#pragma once

#include <array>

#include "aws/dispatch/wire_error.h"

namespace strongroom::kms {

/// What a caller of KMS sees. Source: KMS API Reference, Errors; spec/kms.md 1.4.
inline constexpr auto kOwnErrors = std::to_array<aws::WireError>({
    {Errc::kInvalidArgument, "ValidationException", 400},
    {Errc::kAccessDenied, "AccessDeniedException", 400},
    {Errc::kNotFound, "NotFoundException", 400},
    {Errc::kAlreadyExists, "AlreadyExistsException", 400},
    {Errc::kConflict, "ConflictException", 400},
    {Errc::kLimitExceeded, "LimitExceededException", 400},
    {Errc::kDisabled, "DisabledException", 400},
    {Errc::kInvalidState, "KMSInvalidStateException", 400},
    {Errc::kWrongKeyUsage, "InvalidKeyUsageException", 400},
    {Errc::kIncorrectKey, "IncorrectKeyException", 400},
    {Errc::kBadCiphertext, "InvalidCiphertextException", 400},
    {Errc::kBadSignature, "KMSInvalidSignatureException", 400},
    {Errc::kBadMac, "KMSInvalidMacException", 400},
    {Errc::kUnsupported, "UnsupportedOperationException", 400},
    {Errc::kMalformedPolicy, "MalformedPolicyDocumentException", 400},
    {Errc::kInvalidArn, "InvalidArnException", 400},
    {Errc::kInvalidMarker, "InvalidMarkerException", 400},
    {Errc::kInvalidAlias, "InvalidAliasNameException", 400},
    {Errc::kTag, "TagException", 400},
    {Errc::kKeyUnavailable, "KeyUnavailableException", 500},
    {Errc::kDryRun, "DryRunOperationException", 400},
    {Errc::kInvalidGrantToken, "InvalidGrantTokenException", 400},
    {Errc::kInvalidGrantId, "InvalidGrantIdException", 400},
    {Errc::kInvalidImportToken, "InvalidImportTokenException", 400},
    {Errc::kExpiredImportToken, "ExpiredImportTokenException", 400},
    {Errc::kIncorrectKeyMaterial, "IncorrectKeyMaterialException", 400},
    {Errc::kCustomKeyStoreNotFound, "CustomKeyStoreNotFoundException", 400},
    {Errc::kCustomKeyStoreNameInUse, "CustomKeyStoreNameInUseException", 400},
    {Errc::kCustomKeyStoreInvalidState, "CustomKeyStoreInvalidStateException", 400},
    {Errc::kCustomKeyStoreHasKeys, "CustomKeyStoreHasCMKsException", 400},
    {Errc::kClusterNotFound, "CloudHsmClusterNotFoundException", 400},
    {Errc::kClusterNotActive, "CloudHsmClusterNotActiveException", 400},
    {Errc::kClusterInUse, "CloudHsmClusterInUseException", 400},
    {Errc::kClusterInvalidConfiguration, "CloudHsmClusterInvalidConfigurationException", 400},
    {Errc::kClusterNotRelated, "CloudHsmClusterNotRelatedException", 400},
    {Errc::kIncorrectTrustAnchor, "IncorrectTrustAnchorException", 400},
    {Errc::kXksProxyUriInUse, "XksProxyUriInUseException", 400},
    {Errc::kXksProxyEndpointInUse, "XksProxyUriEndpointInUseException", 400},
    {Errc::kXksProxyUnreachable, "XksProxyUriUnreachableException", 400},
    {Errc::kXksProxyBadCredential, "XksProxyIncorrectAuthenticationCredentialException", 400},
    {Errc::kXksProxyInvalidResponse, "XksProxyInvalidResponseException", 400},
    {Errc::kXksProxyInvalidConfiguration, "XksProxyInvalidConfigurationException", 400},
    {Errc::kXksVpcServiceInUse, "XksProxyVpcEndpointServiceInUseException", 400},
    {Errc::kXksVpcServiceNotFound, "XksProxyVpcEndpointServiceNotFoundException", 400},
    {Errc::kXksVpcServiceInvalidConfiguration, "XksProxyVpcEndpointServiceInvalidConfigurationException", 400},
    {Errc::kXksKeyInvalidConfiguration, "XksKeyInvalidConfigurationException", 400},
    {Errc::kXksKeyAlreadyInUse, "XksKeyAlreadyInUseException", 400},
    {Errc::kXksKeyNotFound, "XksKeyNotFoundException", 400},
    {Errc::kTimeout, "DependencyTimeoutException", 500},
});

inline constexpr aws::WireErrors kWireErrors =
    aws::CompleteTable(kOwnErrors, aws::kCommonJsonErrors, {Errc::kInternal, "KMSInternalException", 500});

}  // namespace strongroom::kms
