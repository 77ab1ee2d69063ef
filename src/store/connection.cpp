#include "store/connection.h"

namespace strongroom::store {

bool IsStorableText(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // RFC 3629, section 4: the first continuation byte's range excludes overlong forms, surrogates and > U+10FFFF.
    std::size_t more = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto byte = static_cast<std::uint8_t>(text[i + k]);
      if (byte < low || byte > high) return false;
      low = 0x80;
      high = 0xBF;
    }
    i += more + 1;
  }
  return true;
}

Result<Reply> ConnectionTransaction::Run(std::string_view sql, std::span<const Value> values) {
  if (failure_) return *failure_;
  for (const Value& value : values) {
    const auto* text = std::get_if<std::string>(&value);
    if (text && !IsStorableText(*text)) {
      failure_.emplace(Errc::kInvalidArgument, "A text holds characters that cannot be stored.");
      return *failure_;
    }
  }
  auto reply = connection_.Run(sql, values);
  if (!reply.ok()) failure_ = reply.error();
  return reply;
}

Result<Rows> ConnectionTransaction::Query(std::string_view sql, std::span<const Value> values) {
  SR_TRY(Reply reply, Run(sql, values));
  return std::move(reply.rows);
}

Result<std::int64_t> ConnectionTransaction::Execute(std::string_view sql, std::span<const Value> values) {
  SR_TRY(Reply reply, Run(sql, values));
  return reply.changed;
}

Status ConnectionTransaction::Change(std::string_view kind, std::string_view account, std::string_view region,
                                     std::string_view id) {
  if (access_ == Access::kRead) return Error(Errc::kInternal, "").WithDetail("a change inside a read");
  SR_TRY(const std::int64_t now, NowMillis());
  const Value values[] = {store::Text(kind), store::Text(account), store::Text(region), store::Text(id), now};
  SR_CHECK(Run("INSERT INTO changes (kind, account_id, region, id, at) VALUES ($1, $2, $3, $4, $5)", values));
  changed_feed_ = true;
  return {};
}

Result<std::int64_t> ConnectionTransaction::NowMillis() {
  if (failure_) return *failure_;
  auto now = connection_.NowMillis();
  if (!now.ok()) failure_ = now.error();
  return now;
}

}  // namespace strongroom::store
