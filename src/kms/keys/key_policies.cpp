#include "kms/keys/key_policies.h"

#include <algorithm>

#include "ports/principal_directory.h"

namespace strongroom::kms {

Result<std::shared_ptr<const ports::Policy>> KeyPolicies::Compile(const std::string& policy,
                                                                  const std::string& principals) {
  std::string name;
  name.reserve(principals.size() + policy.size() + 1);
  name.append(principals).append(1, '\0').append(policy);  // neither has a NUL: the store takes none
  {
    const std::lock_guard lock(mutex_);
    const auto found = compiled_.find(name);
    if (found != compiled_.end())
      if (auto known = found->second.lock()) return known;
  }
  SR_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(principals));
  SR_TRY(auto compiled, authorizer_.Compile(ports::PolicyKind::kKey, policy, ids));
  const std::lock_guard lock(mutex_);
  compiled_[std::move(name)] = compiled;
  if (compiled_.size() >= clear_at_) {
    std::erase_if(compiled_, [](const auto& one) { return one.second.expired(); });
    clear_at_ = std::max<std::size_t>(64, 2 * compiled_.size());
  }
  return compiled;
}

std::size_t KeyPolicies::size() const {
  const std::lock_guard lock(mutex_);
  return compiled_.size();
}

}  // namespace strongroom::kms
