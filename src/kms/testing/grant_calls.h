#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {

// What the tests of grants have in common: principals of FakeCredentials, and requests.

inline constexpr std::string_view kAlice = "111122223333.alice", kBob = "111122223333.bob";
inline const std::string kAliceArn = "arn:aws:iam::111122223333:user/alice";
inline const std::string kBobArn = "arn:aws:iam::111122223333:user/bob";

inline std::string KeyArn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// The body of a CreateGrant.
inline boost::json::object GrantBody(const std::string& key, const std::string& grantee, boost::json::array operations,
                                     boost::json::object more = {}) {
  boost::json::object body{{"KeyId", key}, {"GranteePrincipal", grantee}, {"Operations", std::move(operations)}};
  for (auto& [name, value] : more) body[name] = std::move(value);
  return body;
}
/// The body of an Encrypt.
inline boost::json::object EncryptBody(const std::string& key, boost::json::object context = {}) {
  boost::json::object body{{"KeyId", key}, {"Plaintext", B64("hi")}};
  if (!context.empty()) body["EncryptionContext"] = std::move(context);
  return body;
}
/// "ok" or the error's type.
inline std::string Outcome(const Answer& answer) { return answer.ok() ? "ok" : answer.type; }

}  // namespace strongroom::kms::testing
