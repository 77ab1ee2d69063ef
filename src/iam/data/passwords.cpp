#include "iam/data/passwords.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "crypto/login_password.h"

namespace strongroom::iam {
namespace asio = boost::asio;
namespace {
using store::Text;

constexpr std::size_t kLongestPassword = 128;

std::optional<bool> YesNo(const std::optional<std::int64_t>& value) {
  if (!value) return std::nullopt;
  return *value != 0;
}

/// Runs `job` on the service's worker and comes back to the caller's loop.
Task<void> OnWorker(Iam& iam, std::function<void()> job) {
  using Token = asio::use_awaitable_t<LoopExecutor>;
  auto begin = [&iam](auto handler, std::function<void()> what) {
    using Handler = decltype(handler);
    const LoopExecutor loop = asio::get_associated_executor(handler, LoopExecutor(handler.get_executor()));
    auto waiting = std::make_shared<Handler>(std::move(handler));
    auto tracked = asio::prefer(loop, asio::execution::outstanding_work.tracked);
    asio::post(iam.hashing(), [waiting, tracked, run = std::move(what)] {
      run();
      asio::post(tracked, [waiting]() mutable { (*waiting)(); });
    });
  };
  co_await asio::async_initiate<const Token, void()>(begin, Token(), std::move(job));
}

/// The last ones, the one in force first, as many as may not be used again.
std::string HashesBefore(const LoginProfile& profile, std::int64_t count) {
  std::string all = profile.password_hash.empty() ? "" : profile.password_hash + "\n";
  all += profile.earlier_hashes;
  std::size_t end = 0;
  for (; count > 0 && end < all.size(); --count) end = std::min(all.find('\n', end), all.size() - 1) + 1;
  all.resize(end);
  return all;
}

bool WasUsed(const std::string& hashes, const SecretBuffer& password) {
  for (std::size_t at = 0; at < hashes.size();) {
    const std::size_t end = std::min(hashes.find('\n', at), hashes.size());
    if (crypto::VerifyLoginPassword(password, hashes.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}
}  // namespace

Result<std::optional<PasswordPolicy>> ReadPasswordPolicy(store::Transaction& t, std::string_view account) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT minimum_length, symbols, numbers, uppercase, lowercase, users_may_change, max_age_days, "
                    "reuse_prevention, hard_expiry FROM iam_password_policies WHERE account_id = $1",
                    {Text(account)}));
  if (!row) return std::optional<PasswordPolicy>();
  return std::optional<PasswordPolicy>({.minimum_length = row->Int(0),
                                        .symbols = row->Int(1) != 0,
                                        .numbers = row->Int(2) != 0,
                                        .uppercase = row->Int(3) != 0,
                                        .lowercase = row->Int(4) != 0,
                                        .users_may_change = row->Int(5) != 0,
                                        .max_age_days = row->OptionalInt(6),
                                        .reuse_prevention = row->OptionalInt(7),
                                        .hard_expiry = YesNo(row->OptionalInt(8))});
}

Status CheckPassword(const std::optional<PasswordPolicy>& policy, const SecretBuffer& password) {
  const crypto::PasswordShape shape = crypto::ShapeOf(password);
  if (shape.characters > kLongestPassword) return PasswordViolation("Password should have a maximum length of 128");
  if (!policy) {
    int sorts = 0;
    for (const bool has : {shape.lower, shape.upper, shape.digit, shape.symbol}) sorts += has ? 1 : 0;
    if (shape.characters < 8) return PasswordViolation("Password should have a minimum length of 8");
    if (sorts >= 3) return {};
    return PasswordViolation(
        "Password should have at least three of these: uppercase letters, lowercase letters, numbers, symbols");
  }
  if (shape.characters < static_cast<std::size_t>(policy->minimum_length))
    return PasswordViolation(fmt::format("Password should have a minimum length of {}", policy->minimum_length));
  if (policy->uppercase && !shape.upper) return PasswordViolation("Password should have at least one uppercase letter");
  if (policy->lowercase && !shape.lower) return PasswordViolation("Password should have at least one lowercase letter");
  if (policy->numbers && !shape.digit) return PasswordViolation("Password should have at least one number");
  if (policy->symbols && !shape.symbol) return PasswordViolation("Password should have at least one symbol");
  return {};
}

Result<std::optional<LoginProfile>> FindLoginProfile(store::Transaction& t, std::string_view account,
                                                     std::string_view user_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT user_id, password_hash, earlier_hashes, reset_required, created_at, "
                                    "changed_at FROM iam_login_profiles WHERE account_id = $1 AND user_id = $2",
                                    {Text(account), Text(user_id)}));
  if (!row) return std::optional<LoginProfile>();
  return std::optional<LoginProfile>(
      {row->Text(0), row->Text(1), row->Text(2), row->Int(3) != 0, row->Int(4), row->Int(5)});
}

Error NoSuchLoginProfile(std::string_view user_name) {
  return Error(Errc::kNotFound, fmt::format("Login Profile for User {} cannot be found.", user_name));
}

Status WriteLoginProfile(Work& work, const LoginProfile& profile) {
  SR_CHECK(work.t.Execute(
      "INSERT INTO iam_login_profiles (account_id, user_id, password_hash, earlier_hashes, reset_required, created_at, "
      "changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, user_id) DO UPDATE SET password_hash = "
      "excluded.password_hash, earlier_hashes = excluded.earlier_hashes, reset_required = excluded.reset_required, "
      "changed_at = excluded.changed_at",
      {Text(work.account()), Text(profile.user_id), Text(profile.password_hash), Text(profile.earlier_hashes),
       std::int64_t{profile.reset_required}, profile.created_at, profile.changed_at}));
  return {};
}

aws::Reply ShowLoginProfile(const Entity& user, const LoginProfile& profile) {
  aws::Reply shown;
  shown.Text("UserName", user.name)
      .Timestamp("CreateDate", WallTimeOf(profile.created_at))
      .Bool("PasswordResetRequired", profile.reset_required);
  aws::Reply reply;
  reply.Object("LoginProfile", std::move(shown));
  return reply;
}

Task<Result<LoginProfile>> SetPassword(Iam& iam, PasswordChange change, std::shared_ptr<const SecretBuffer> password) {
  SR_CO_CHECK(CheckPassword(change.policy, *password));
  const std::int64_t kept = change.policy ? change.policy->reuse_prevention.value_or(0) : 0;
  auto before = std::make_shared<std::string>(HashesBefore(change.profile, kept));
  auto fresh = std::make_shared<std::optional<Result<std::string>>>();
  std::function<void()> job = [before, fresh, password] {
    if (WasUsed(*before, *password)) {
      fresh->emplace(PasswordViolation("The password was used before and cannot be used again yet."));
    } else {
      fresh->emplace(crypto::HashLoginPassword(*password));
    }
  };
  co_await OnWorker(iam, std::move(job));
  if (!**fresh) co_return std::move(**fresh).error();
  change.profile.password_hash = std::move(**fresh).value();
  change.profile.earlier_hashes = std::move(*before);
  co_return std::move(change.profile);
}

Task<bool> IsPassword(Iam& iam, LoginProfile profile, std::shared_ptr<const SecretBuffer> password) {
  auto same = std::make_shared<bool>(false);
  std::function<void()> job = [same, password, hash = std::move(profile.password_hash)] {
    *same = crypto::VerifyLoginPassword(*password, hash);
  };
  co_await OnWorker(iam, std::move(job));
  co_return *same;
}

}  // namespace strongroom::iam
