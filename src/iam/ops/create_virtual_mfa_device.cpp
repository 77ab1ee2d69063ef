// Source: IAM API Reference, "CreateVirtualMFADevice".
#include "crypto/totp.h"
#include "iam/data/account.h"
#include "iam/data/mfa.h"
#include "iam/data/qr_code.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
constexpr std::size_t kLongestSerial = 255;

Result<MfaDevice> DeviceToMake(Work& work) {
  MfaDevice device;
  device.account = work.account();
  SR_TRY(const std::string name, work.in.RequiredString("VirtualMFADeviceName"));
  SR_TRY(const std::string path, work.in.StringOr("Path", "/"));
  device.serial_number = IamArn(work.account(), "mfa", path, name);
  SR_TRY(const TagList tags, TagsOfRequest(work));
  SR_CHECK(work.Authorize(device.serial_number));
  SR_CHECK(AuthorizeTags(work, "iam:TagMFADevice", device.serial_number, tags));
  if (device.serial_number.size() > kLongestSerial)
    return InvalidInput("The path and name of a virtual MFA device are too long together.");
  SR_TRY(const auto taken, FindMfaDevice(work.t, work.account(), device.serial_number));
  if (taken) return Error(Errc::kAlreadyExists, "MFADevice entity at the same path and name already exists.");
  SR_TRY(device.created_at, work.t.NowMillis());
  return device;
}

std::string_view NameIn(std::string_view serial_number) { return serial_number.substr(serial_number.rfind('/') + 1); }

/// As authenticator programs show it: the alias, else the number.
Result<std::string> NameOfAccount(Work& work) {
  SR_TRY(const auto alias, ReadAlias(work.t, work.account()));
  return alias ? *alias : std::string(work.account());
}

Task<Result<aws::Reply>> CreateVirtualMfaDevice(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(const MfaDevice wanted, co_await RunFor<MfaDevice>(iam, actor, store::Access::kRead, &DeviceToMake));
  SR_CO_TRY(SecretBuffer seed, crypto::NewTotpSeed());
  SR_CO_TRY(SecretBuffer shown_seed, crypto::TotpSeedText(seed));
  SR_CO_TRY(const std::string account, co_await RunFor<std::string>(iam, actor, store::Access::kRead, &NameOfAccount));
  SR_CO_TRY(SecretBuffer picture, TotpQrCode(NameIn(wanted.serial_number), account, seed));
  std::string purpose(kMfaSeedPurpose);
  SR_CO_TRY(Bytes sealed, co_await iam.sealer().Seal(std::move(purpose), wanted.serial_number, std::move(seed)));
  auto write = [sealed = std::move(sealed)](Work& work) -> Result<aws::Reply> {
    SR_TRY(const MfaDevice device, DeviceToMake(work));
    SR_TRY(const TagList tags, TagsOfRequest(work));
    SR_CHECK(
        work.t.Execute("INSERT INTO iam_mfa_devices (account_id, serial_number, sealed_seed, user_id, created_at, "
                       "last_step, drift) VALUES ($1, $2, $3, '', $4, 0, 0)",
                       {store::Text(device.account), store::Text(device.serial_number), sealed, device.created_at}));
    SR_CHECK(PutTags(work, device.serial_number, tags));
    aws::Reply shown;
    shown.Text("SerialNumber", device.serial_number);
    if (!tags.empty()) ShowTags(tags, shown);
    return shown;
  };
  SR_CO_TRY(aws::Reply shown, co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write)));
  shown.Secret("Base32StringSeed", std::move(shown_seed)).Secret("QRCodePNG", std::move(picture));
  aws::Reply reply;
  reply.Object("VirtualMFADevice", std::move(shown));
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::create_virtual_mfa_device = {.target = "iam.CreateVirtualMFADevice",
                                                                .iam_action = "iam:CreateVirtualMFADevice",
                                                                .handler = aws::Bind<Iam, &CreateVirtualMfaDevice>};

}  // namespace strongroom::iam
