#include "kms/grants/grant.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

constexpr OperationSet Bits(std::initializer_list<std::string_view> names) {
  OperationSet set = 0;
  for (const std::string_view name : names) set |= OperationBit(name);
  return set;
}

constexpr OperationSet kAnyKey = Bits({"CreateGrant", "RetireGrant", "DescribeKey"});

bool Contains(const EncryptionContext& all, const EncryptionContext& part) {
  return std::ranges::all_of(part, [&](const auto& pair) {
    const auto found = all.find(pair.first);
    return found != all.end() && found->second == pair.second;
  });
}

}  // namespace

OperationSet OperationsOf(const std::vector<std::string>& names) noexcept {
  OperationSet set = 0;
  for (const std::string& name : names) set |= OperationBit(name);
  return set;
}

OperationSet OperationsFor(std::string_view spec, std::string_view usage) noexcept {
  if (spec == "SYMMETRIC_DEFAULT") return kAnyKey | kContextOperations;
  if (usage == "ENCRYPT_DECRYPT")
    return kAnyKey | Bits({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"});
  if (usage == "SIGN_VERIFY") return kAnyKey | Bits({"Sign", "Verify", "GetPublicKey"});
  if (usage == "GENERATE_VERIFY_MAC") return kAnyKey | Bits({"GenerateMac", "VerifyMac"});
  if (usage == "KEY_AGREEMENT") return kAnyKey | Bits({"DeriveSharedSecret", "GetPublicKey"});
  return kAnyKey;
}

bool GrantConstraints::Hold(const EncryptionContext& context) const {
  return (!equals || context == *equals) && (!subset || Contains(context, *subset));
}

bool GrantConstraints::AtLeastAsStrictAs(const GrantConstraints& outer) const {
  if (outer.equals && equals != outer.equals) return false;
  if (!outer.subset) return true;
  return (equals && Contains(*equals, *outer.subset)) || (subset && Contains(*subset, *outer.subset));
}

bool Grant::Allows(OperationSet operation, const EncryptionContext& context) const {
  if ((OperationsOf(operations) & operation) == 0) return false;
  return (operation & kContextOperations) == 0 || constraints.Hold(context);
}

bool IsGrantId(std::string_view text) noexcept {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace strongroom::kms
