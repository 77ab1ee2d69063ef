#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "aws_client/service_call.h"

namespace strongroom::aws_client {

/// Errc of what KMS answers.
Errc KmsErrc(std::string_view code, int status);
/// Whether a key's owner may have to act, so that its description says more.
bool IsOwnersDecision(Errc errc) noexcept;
/// What the key's owner has to do, out of DescribeKey's KeyMetadata; empty when nothing is wrong with the key.
std::string OwnersDecision(const boost::json::object& metadata);
/// The same from the error alone.
std::string OwnersDecision(Errc errc, std::string_view action);

}  // namespace strongroom::aws_client
