#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace strongroom::wire {

/// How a client may treat a command whose answer was lost.
enum class Repeat : std::uint8_t {
  kRepeatable,    // changes nothing, or the same thing however often: sent again, to any HSM
  kDeduplicated,  // carries a client id; the cluster remembers the answer, so a repeat does nothing twice
  kNever,         // belongs to one connection; its loss is reported to the caller
};

/// What the cluster must know of the connection before the command's own rules are asked.
enum class Needs : std::uint8_t {
  kNothing,
  kLogin,
  kCryptoUser,
  kOfficer,
  kKeyUser /* CU or enrolled front end */,
  kFrontEnd
};

/// The commands on the inner connection. Numbers are for ever; docs/formats.md lists them.
enum class Command : std::uint16_t {
  kEcho = 1,
  kGetInfo = 2,
  kGetCertificates = 3,
  kLogin = 16,
  kLogout = 17,
  kListUsers = 18,
  kCreateUser = 19,
  kDeleteUser = 20,
  kChangePassword = 21,
  kGenerateKey = 32,
  kDestroyKey = 33,
  kFindKeys = 34,
  kGetKeyInfo = 35,
  kShareKey = 36,
  kCreateToken = 48,
  kSealMessage = 49,
  kOpenMessage = 50,
  kSealRandom = 51,
  kSealKeyPair = 52,
  kGenerateRandom = 53,
  kSign = 54,
  kVerify = 55,
  kGenerateMac = 56,
  kVerifyMac = 57,
  kAsymmetricEncrypt = 58,
  kAsymmetricDecrypt = 59,
  kDeriveSharedSecret = 60,
  kGetPublicKey = 61,
  kReSeal = 62,
  kMakeImportKey = 63,
  kCertifyDevice = 64,
  kReleaseKeys = 65,
  kImportKey = 66,
  kListDomainKeys = 67,
  kAddDomainKey = 68,
  kDropDomainKey = 69,
  kRewrapToken = 70,
  kForgetTokens = 71,
  kMakeSigningSecret = 72,
  kDeriveSigningKey = 73,
  kAesGcmEncrypt = 80,
  kAesGcmDecrypt = 81,
  kListAdmissions = 96,
  kApproveAdmission = 97,
  kSetAdmissionRule = 98,
  kChooseLog = 99,
  kChallengeOwner = 100,
  kRecoverOfficer = 101,
};

struct CommandRow {
  Command command;
  std::string_view name;
  Repeat repeat;
  Needs needs;
};

inline constexpr auto kCommands = std::to_array<CommandRow>({
    {Command::kEcho, "Echo", Repeat::kRepeatable, Needs::kNothing},
    {Command::kGetInfo, "GetInfo", Repeat::kRepeatable, Needs::kNothing},
    {Command::kGetCertificates, "GetCertificates", Repeat::kRepeatable, Needs::kNothing},
    {Command::kLogin, "Login", Repeat::kNever, Needs::kNothing},
    {Command::kLogout, "Logout", Repeat::kNever, Needs::kNothing},
    {Command::kListUsers, "ListUsers", Repeat::kRepeatable, Needs::kNothing},
    {Command::kCreateUser, "CreateUser", Repeat::kDeduplicated, Needs::kOfficer},
    {Command::kDeleteUser, "DeleteUser", Repeat::kDeduplicated, Needs::kOfficer},
    {Command::kChangePassword, "ChangePassword", Repeat::kDeduplicated, Needs::kLogin},
    {Command::kGenerateKey, "GenerateKey", Repeat::kDeduplicated, Needs::kCryptoUser},
    {Command::kDestroyKey, "DestroyKey", Repeat::kDeduplicated, Needs::kCryptoUser},
    {Command::kFindKeys, "FindKeys", Repeat::kRepeatable, Needs::kLogin},
    {Command::kGetKeyInfo, "GetKeyInfo", Repeat::kRepeatable, Needs::kLogin},
    {Command::kShareKey, "ShareKey", Repeat::kDeduplicated, Needs::kCryptoUser},
    {Command::kCreateToken, "CreateToken", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kSealMessage, "SealMessage", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kOpenMessage, "OpenMessage", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kSealRandom, "SealRandom", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kSealKeyPair, "SealKeyPair", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kGenerateRandom, "GenerateRandom", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kSign, "Sign", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kVerify, "Verify", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kGenerateMac, "GenerateMac", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kVerifyMac, "VerifyMac", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kAsymmetricEncrypt, "AsymmetricEncrypt", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kAsymmetricDecrypt, "AsymmetricDecrypt", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kDeriveSharedSecret, "DeriveSharedSecret", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kGetPublicKey, "GetPublicKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kReSeal, "ReSeal", Repeat::kRepeatable, Needs::kKeyUser},
    {Command::kMakeImportKey, "MakeImportKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kCertifyDevice, "CertifyDevice", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kReleaseKeys, "ReleaseKeys", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kImportKey, "ImportKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kListDomainKeys, "ListDomainKeys", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kAddDomainKey, "AddDomainKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kDropDomainKey, "DropDomainKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kRewrapToken, "RewrapToken", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kForgetTokens, "ForgetTokens", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kMakeSigningSecret, "MakeSigningSecret", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kDeriveSigningKey, "DeriveSigningKey", Repeat::kRepeatable, Needs::kFrontEnd},
    {Command::kAesGcmEncrypt, "AesGcmEncrypt", Repeat::kRepeatable, Needs::kCryptoUser},
    {Command::kAesGcmDecrypt, "AesGcmDecrypt", Repeat::kRepeatable, Needs::kCryptoUser},
    {Command::kListAdmissions, "ListAdmissions", Repeat::kRepeatable, Needs::kOfficer},
    {Command::kApproveAdmission, "ApproveAdmission", Repeat::kDeduplicated, Needs::kOfficer},
    {Command::kSetAdmissionRule, "SetAdmissionRule", Repeat::kDeduplicated, Needs::kOfficer},
    {Command::kChooseLog, "ChooseLog", Repeat::kNever, Needs::kOfficer},
    {Command::kChallengeOwner, "ChallengeOwner", Repeat::kRepeatable, Needs::kNothing},
    {Command::kRecoverOfficer, "RecoverOfficer", Repeat::kDeduplicated, Needs::kNothing},
});

/// The row of a command number off the wire; null for one we do not know.
constexpr const CommandRow* FindCommand(std::uint16_t number) noexcept {
  for (const CommandRow& row : kCommands)
    if (static_cast<std::uint16_t>(row.command) == number) return &row;
  return nullptr;
}

/// Events that an HSM sends unasked.
enum class Event : std::uint16_t { kMembership = 1 };

}  // namespace strongroom::wire
