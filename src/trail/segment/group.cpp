#include "trail/segment/group.h"

#include <functional>
#include <utility>

#include "trail/record/facts.h"
#include "trail/segment/entry.h"

namespace strongroom::trail {
namespace {

void AppendVarint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

/// The value of a lower-case hexadecimal digit; 16 and more for any other character.
constexpr auto kDigitValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(16);
  for (std::uint8_t i = 0; i < 16; ++i) values[static_cast<unsigned char>("0123456789abcdef"[i])] = i;
  return values;
}();

}  // namespace

void GroupWriter::Begin(std::int64_t millis) {
  if (!open_) {
    group_at_ = out_.size();
    out_.resize(group_at_ + Group::kHeadBytes);
    open_ = true;
    ++group_;
    texts_ = records_ = 0;
    base_millis_ = millis;
  }
  millis_ = millis;
  facts_ = resources_ = 0;
  resource_numbers_.clear();
  pieces_.clear();
}

std::uint32_t GroupWriter::Define(std::string_view text) {
  out_ += static_cast<char>(ItemKind::kText);
  AppendVarint(text.size(), out_);
  out_ += text;
  return texts_++;
}

std::uint32_t GroupWriter::Number(SharedText& text) {
  if (text.group_ != group_) {
    text.number_ = Define(text.text_);
    text.group_ = group_;
  }
  return text.number_;
}

SharedText& GroupWriter::Keep(std::string_view text) {
  const std::size_t hash = std::hash<std::string_view>()(text);
  Kept& kept = kept_[hash % kKept];
  if (kept.hash != hash || kept.text.text_ != text) {
    kept.hash = hash;
    kept.text.text_ = text;
    kept.text.group_ = 0;
  }
  return kept.text;
}

void GroupWriter::PutPiece(Piece piece, std::uint64_t n) {
  AppendVarint(n << 3 | static_cast<std::uint64_t>(piece), pieces_);
}

void GroupWriter::Resource(SharedText& type, SharedText& name) {
  if (resources_ == kMostResources) return;
  ++resources_;
  AppendVarint(Number(type), resource_numbers_);
  AppendVarint(Number(name), resource_numbers_);
}

void GroupWriter::Text(std::string_view text, RecentText& recent) {
  constexpr std::size_t kShortest = 4;  // a shorter one is as short by itself
  if (text.size() < kShortest || text.size() > kLongestKept) {
    PutPiece(Piece::kLiteral, text.size());
    pieces_ += text;
    return;
  }
  if (recent.last_ == nullptr || recent.last_->text_ != text) recent.last_ = &Keep(text);
  PutPiece(Piece::kText, Number(*recent.last_));
}

bool GroupWriter::Uuid(std::string_view id) {
  if (id.size() != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-') return false;
  std::array<char, 16> bytes;
  std::size_t from = 0;
  for (char& byte : bytes) {
    if (id[from] == '-') ++from;
    const unsigned high = kDigitValues[static_cast<unsigned char>(id[from])];
    const unsigned low = kDigitValues[static_cast<unsigned char>(id[from + 1])];
    if ((high | low) > 15) return false;
    byte = static_cast<char>(high << 4 | low);
    from += 2;
  }
  PutPiece(Piece::kUuid, 0);
  pieces_.append(bytes.data(), bytes.size());
  return true;
}

void GroupWriter::End() {
  const std::int64_t since = millis_ - base_millis_;
  head_.clear();
  AppendVarint(static_cast<std::uint64_t>(since) << 1 ^ (since < 0 ? ~std::uint64_t{0} : 0), head_);
  AppendVarint(facts_, head_);
  AppendVarint(resources_, head_);
  out_ += static_cast<char>(ItemKind::kRecord);
  AppendVarint(head_.size() + resource_numbers_.size() + pieces_.size(), out_);
  out_ += head_;
  out_ += resource_numbers_;
  out_ += pieces_;
  ++records_;
  if (out_.size() - group_at_ >= kGroupBytes) CloseGroup();
}

void GroupWriter::CloseGroup() {
  if (!open_) return;
  open_ = false;
  char* const head = out_.data() + group_at_;
  PutNumber(out_.size() - group_at_ - 4, 4, head);
  PutNumber(static_cast<std::uint64_t>(base_millis_), 8, head + 4 + sizeof(ChainHash));
  PutNumber(records_, 4, head + 12 + sizeof(ChainHash));
}

std::string GroupWriter::Take(std::string spare) {
  CloseGroup();
  spare.clear();
  return std::exchange(out_, std::move(spare));
}

}  // namespace strongroom::trail
