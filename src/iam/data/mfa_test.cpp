#include "iam/data/mfa.h"

#include <gmock/gmock.h>
#include <openssl/hmac.h>

#include <limits>

#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {
using testing::At;
using ::testing::EndsWith;
using testing::IamTest;
using ::testing::StartsWith;

class MfaTest : public IamTest {
 protected:
  /// A device that user anna has enabled with the codes of the two steps before this one.
  void MakeDevice() {
    Do("CreateUser", R"({"UserName":"anna"})");
    user_id_ = At(Do("GetUser", R"({"UserName":"anna"})"), "/User/UserId");
    const auto made = Do("CreateVirtualMFADevice", R"({"VirtualMFADeviceName":"anna"})").at("VirtualMFADevice");
    serial_ = At(made, "/SerialNumber");
    const auto seed = FromBase64(At(made, "/Base32StringSeed"));
    ASSERT_TRUE(seed.ok());
    seed_ = AsText(*seed);
    Do("EnableMFADevice", Codes(Step() - 2));
  }
  std::int64_t Step() const { return std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch()).count() / 30; }
  std::string Codes(std::int64_t first) const;
  /// Empty when the code is taken.
  std::string Use(const std::string& code) {
    const Status used = store::testing::RunToEnd(
        UseMfaCode(*database_, sealer_, std::string(testing::kAccount), user_id_, serial_, code, now_));
    return used.ok() ? "" : used.error().public_message();
  }
  std::string UseNow();
  /// One that no step near this one has.
  std::string WrongCode() const;

  std::string user_id_, serial_, seed_;
};
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

std::string MfaTest::Codes(std::int64_t first) const {
  return fmt::format(
      R"({{"UserName":"anna","SerialNumber":"{}","AuthenticationCode1":"{}","AuthenticationCode2":"{}"}})", serial_,
      CodeAt(seed_, first), CodeAt(seed_, first + 1));
}
std::string MfaTest::UseNow() { return Use(CodeAt(seed_, Step())); }
std::string MfaTest::WrongCode() const {
  for (int number = 0;; ++number) {
    const std::string code = fmt::format("{:06}", number);
    bool right = false;
    for (std::int64_t step = Step() - 3; step <= Step() + 3; ++step) right = right || CodeAt(seed_, step) == code;
    if (!right) return code;
  }
}

constexpr std::string_view kWrong = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";

TEST_P(MfaTest, WrongCodesMakeTheDeviceWaitLongerAndLonger) {
  MakeDevice();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Use(WrongCode()), kWrong) << i;
  const int opened = sealer_.opened;
  EXPECT_THAT(UseNow(), EndsWith("takes none for 30 seconds.")) << "a right one, too";
  EXPECT_EQ(sealer_.opened, opened) << "and no HSM is asked for it";
  EXPECT_THAT(Refusal(root_, "ResyncMFADevice", Codes(Step() + 5)), EndsWith("takes none for 30 seconds."));
  now_ += std::chrono::seconds(29);
  EXPECT_THAT(UseNow(), EndsWith("takes none for 1 seconds."));
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(Use(WrongCode()), kWrong);
  EXPECT_THAT(UseNow(), EndsWith("takes none for 60 seconds."));
  now_ += std::chrono::seconds(60);
  EXPECT_EQ(UseNow(), "");
  now_ += std::chrono::seconds(30);
  EXPECT_EQ(Use(WrongCode()), kWrong);
  EXPECT_EQ(UseNow(), "") << "a right code sets the count back";
}

TEST_P(MfaTest, TwoWrongCodesCountAsOneDoes) {
  MakeDevice();
  const std::string wrong =
      fmt::format(R"({{"UserName":"anna","SerialNumber":"{}","AuthenticationCode1":"{}","AuthenticationCode2":"{}"}})",
                  serial_, CodeAt(seed_, Step()), WrongCode());
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(Refusal(root_, "ResyncMFADevice", wrong), StartsWith("InvalidAuthenticationCode: ")) << i;
  EXPECT_THAT(Refusal(root_, "ResyncMFADevice", wrong), EndsWith("takes none for 30 seconds."));
  EXPECT_THAT(UseNow(), EndsWith("takes none for 30 seconds."));
  now_ += std::chrono::seconds(30);
  EXPECT_EQ(Refusal(root_, "ResyncMFADevice", Codes(Step())), "");
  EXPECT_EQ(Use(WrongCode()), kWrong) << "synchronising sets the count back";
}

TEST_P(MfaTest, CodesThatNobodyCouldLookAtDoNotCount) {
  MakeDevice();
  sealer_.away = true;
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(UseNow(), "");
    EXPECT_NE(Refusal(root_, "ResyncMFADevice", Codes(Step())), "");
  }
  sealer_.away = false;
  EXPECT_EQ(UseNow(), "");
}

TEST_P(MfaTest, ListsOfDevicesWithLongNamesGoOnWhereTheyEnded) {
  const std::string path = "/" + std::string(98, 'p') + "/" + std::string(98, 'q') + "/";
  for (const char* name : {"a", "b", "c"})
    Do("CreateVirtualMFADevice", R"({"Path":")" + path + R"(","VirtualMFADeviceName":")" + name + "\"}");
  std::vector<std::string> seen;
  std::string marker;
  for (int page = 0; page < 3; ++page) {
    const auto answer = Do("ListVirtualMFADevices", R"({"MaxItems":1)" + marker + "}");
    seen.push_back(At(answer, "/VirtualMFADevices/0/SerialNumber"));
    if (page < 2) marker = R"(,"Marker":")" + At(answer, "/Marker") + "\"";
  }
  const std::string first = "arn:aws:iam::111122223333:mfa" + path;
  EXPECT_THAT(seen, ::testing::ElementsAre(first + "a", first + "b", first + "c"));
}

TEST(MfaWait, GrowsToADay) {
  using std::chrono::seconds;
  EXPECT_EQ(MfaWaitAfter(0), seconds(0));
  EXPECT_EQ(MfaWaitAfter(4), seconds(0));
  EXPECT_EQ(MfaWaitAfter(5), seconds(30));
  EXPECT_EQ(MfaWaitAfter(6), seconds(60));
  EXPECT_EQ(MfaWaitAfter(16), seconds(30 * 2048));
  EXPECT_EQ(MfaWaitAfter(17), seconds(86'400));
  EXPECT_EQ(MfaWaitAfter(std::numeric_limits<std::int64_t>::max()), seconds(86'400));
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

  // A clock that runs an hour ahead is followed once the device was synchronised, by codes that have not been used.
  const auto resync = [&](std::int64_t first) { return Refusal(root_, "ResyncMFADevice", codes(first, first + 1)); };
  EXPECT_THAT(resync(step + 1), StartsWith("InvalidAuthenticationCode: ")) << "the first has been used";
  EXPECT_EQ(resync(step + 120), "");
  EXPECT_THAT(resync(step + 120), StartsWith("InvalidAuthenticationCode: "));
  EXPECT_THAT(resync(step + 2), StartsWith("InvalidAuthenticationCode: ")) << "backwards";
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
