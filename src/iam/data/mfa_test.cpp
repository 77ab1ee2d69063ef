#include "iam/data/mfa.h"

#include <gmock/gmock.h>
#include <openssl/hmac.h>

#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {
using testing::At;
using testing::IamTest;
using ::testing::StartsWith;

class MfaTest : public IamTest {};
INSTANTIATE_TEST_SUITE_P(Iam, MfaTest, store::testing::BothEngines(), store::testing::EngineName);

/// What an authenticator program shows for a seed (RFC 4226), written down once more.
std::string CodeAt(const std::string& base32, std::int64_t step) {
  Bytes seed;
  unsigned bits = 0, count = 0;
  for (const char c : base32) {
    bits = bits << 5 | static_cast<unsigned>(std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").find(c));
    if ((count += 5) >= 8) seed.push_back(static_cast<std::uint8_t>(bits >> (count -= 8)));
  }
  std::uint8_t counter[8], mac[20];
  for (int i = 7; i >= 0; --i, step >>= 8) counter[i] = static_cast<std::uint8_t>(step);
  unsigned size = 0;
  EXPECT_NE(::HMAC(::EVP_sha1(), seed.data(), static_cast<int>(seed.size()), counter, 8, mac, &size), nullptr);
  const int at = mac[19] & 15;
  const unsigned number = (mac[at] & 127U) << 24 | mac[at + 1] << 16 | mac[at + 2] << 8 | mac[at + 3];
  return fmt::format("{:06}", number % 1000000);
}

TEST_P(MfaTest, AnMfaDeviceTakesEachCodeOnce) {
  Do("CreateUser", R"({"UserName":"anna"})");
  const std::string user_id = At(Do("GetUser", R"({"UserName":"anna"})"), "/User/UserId");
  const auto made = Do("CreateVirtualMFADevice", R"({"VirtualMFADeviceName":"anna"})").at("VirtualMFADevice");
  const std::string serial = At(made, "/SerialNumber");
  EXPECT_EQ(serial, "arn:aws:iam::111122223333:mfa/anna");
  const auto seed_bytes = FromBase64(At(made, "/Base32StringSeed"));
  ASSERT_TRUE(seed_bytes.ok());
  const std::string seed(AsText(*seed_bytes));
  ASSERT_EQ(seed.size(), 64U);
  EXPECT_THAT(Refusal(root_, "CreateVirtualMFADevice", R"({"VirtualMFADeviceName":"anna"})"),
              StartsWith("EntityAlreadyExists: "));

  const std::int64_t step = std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch()).count() / 30;
  const auto codes = [&](std::int64_t first, std::int64_t second) {
    return R"({"UserName":"anna","SerialNumber":")" + serial + R"(","AuthenticationCode1":")" + CodeAt(seed, first) +
           R"(","AuthenticationCode2":")" + CodeAt(seed, second) + "\"}";
  };
  const auto use = [&](const std::string& code) {
    const Status used = store::testing::RunToEnd(
        UseMfaCode(*database_, sealer_, std::string(testing::kAccount), user_id, serial, code, now_));
    return used.ok() ? "" : used.error().public_message();
  };
  EXPECT_THAT(use(CodeAt(seed, step)), StartsWith("MultiFactorAuthentication failed")) << "not enabled yet";
  EXPECT_THAT(Refusal(root_, "EnableMFADevice", codes(step - 1, step + 1)), StartsWith("InvalidAuthenticationCode: "));
  EXPECT_THAT(Refusal(root_, "EnableMFADevice", codes(step - 100, step - 99)),
              StartsWith("InvalidAuthenticationCode: "));
  Do("EnableMFADevice", codes(step - 1, step));
  EXPECT_THAT(Refusal(root_, "EnableMFADevice", codes(step - 1, step)), StartsWith("EntityAlreadyExists: "));
  EXPECT_EQ(At(Do("ListMFADevices", R"({"UserName":"anna"})"), "/MFADevices/0/SerialNumber"), serial);
  EXPECT_EQ(
      Do("ListVirtualMFADevices", R"({"AssignmentStatus":"Unassigned"})").at("VirtualMFADevices").as_array().size(),
      0U);

  EXPECT_THAT(use(CodeAt(seed, step)), StartsWith("MultiFactorAuthentication failed")) << "used to enable it";
  EXPECT_EQ(use(CodeAt(seed, step + 1)), "");
  EXPECT_THAT(use(CodeAt(seed, step + 1)), StartsWith("MultiFactorAuthentication failed"));
  EXPECT_THAT(use(CodeAt(seed, step + 2)), StartsWith("MultiFactorAuthentication failed"));
  EXPECT_THAT(use(""), StartsWith("MultiFactorAuthentication failed"));

  // A clock that runs an hour ahead is followed once the device was synchronised.
  Do("ResyncMFADevice", codes(step + 120, step + 121));
  EXPECT_EQ(use(CodeAt(seed, step + 122)), "");
  EXPECT_THAT(Refusal(root_, "DeleteVirtualMFADevice", R"({"SerialNumber":")" + serial + "\"}"),
              StartsWith("DeleteConflict: "));
  EXPECT_THAT(Refusal(root_, "DeleteUser", R"({"UserName":"anna"})"),
              StartsWith("DeleteConflict: Cannot delete entity, must delete MFA device first."));
  Do("DeactivateMFADevice", R"({"UserName":"anna","SerialNumber":")" + serial + "\"}");
  Do("DeleteVirtualMFADevice", R"({"SerialNumber":")" + serial + "\"}");
}
}  // namespace
}  // namespace strongroom::iam
