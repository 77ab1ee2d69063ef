#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace strongroom::iam {

/// A policy that every account can attach by the ARN that it has at AWS. The texts are ours: what each name promises,
/// for the services that a deployment has.
struct AwsManaged {
  std::string_view name, path, id, description, document;
  std::string Arn() const { return std::string("arn:aws:iam::aws:policy").append(path).append(name); }
};

/// Their creation date: 2015-02-06 18:40:00 UTC, as AWS has for most of its own. Milliseconds.
inline constexpr std::int64_t kAwsManagedSince = 1'423'248'000'000;

/// By name.
std::span<const AwsManaged> AllAwsManaged() noexcept;
/// Null when there is none of that ARN.
const AwsManaged* FindAwsManaged(std::string_view arn) noexcept;

}  // namespace strongroom::iam
