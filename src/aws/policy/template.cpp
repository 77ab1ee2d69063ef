#include "aws/policy/template.h"

#include <algorithm>

#include "aws/http/text.h"

namespace strongroom::aws::policy {
namespace {

/// "'default'" of "${key, 'default'}".
std::optional<std::string_view> Quoted(std::string_view text) {
  text = Trimmed(text);
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
  return text.substr(1, text.size() - 2);
}

}  // namespace

Template::Template(std::string_view text, Wildcards wildcards, Variables variables) {
  while (!text.empty()) {
    if (variables == Variables::kYes && text.starts_with("${")) {
      const std::size_t taken = ReadVariable(text);
      if (taken != 0) {
        text.remove_prefix(taken);
        continue;
      }
    }
    char c = text.front();
    if (wildcards == Wildcards::kYes && c == '*') c = kAnyRun;
    if (wildcards == Wildcards::kYes && c == '?') c = kOne;
    pattern_ += c;
    text.remove_prefix(1);
  }
}

std::size_t Template::ReadVariable(std::string_view text) {
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos) return 0;
  const std::string_view inner = text.substr(2, end - 2);
  if (inner == "*" || inner == "?" || inner == "$") {
    pattern_ += inner;
    return end + 1;
  }
  const std::size_t comma = std::min(inner.find(','), inner.size());
  const std::string_view name = Trimmed(inner.substr(0, comma));
  if (name.find(':') == std::string_view::npos) return 0;
  Hole hole{pattern_.size(), MakeKey(name), std::nullopt};
  if (comma < inner.size()) {
    const auto fallback = Quoted(inner.substr(comma + 1));
    if (!fallback) return 0;
    hole.fallback = *fallback;
  }
  holes_.push_back(std::move(hole));
  return end + 1;
}

std::optional<std::string_view> Template::Fill(const ports::Question& question, ports::PolicyKind kind, Buffer& buffer,
                                               Steps& steps) const {
  if (holes_.empty()) return pattern_;
  if (!steps.Take(pattern_.size())) return std::nullopt;
  buffer.clear();
  std::size_t at = 0;
  for (const Hole& hole : holes_) {
    buffer.insert(buffer.end(), pattern_.begin() + static_cast<std::ptrdiff_t>(at),
                  pattern_.begin() + static_cast<std::ptrdiff_t>(hole.at));
    at = hole.at;
    Found found;
    Look(question, kind, hole.key, found);
    std::string_view value;
    if (found.values.size() == 1) {
      value = *found.values.begin();
    } else if (!found.present() && hole.fallback) {
      value = *hole.fallback;
    } else {
      return std::nullopt;
    }
    if (!steps.Take(kStepsOfLook + value.size())) return std::nullopt;
    // Bytes that no UTF-8 text has could be taken for wildcards.
    if (std::ranges::any_of(value, IsToken)) return std::nullopt;
    buffer.insert(buffer.end(), value.begin(), value.end());
  }
  buffer.insert(buffer.end(), pattern_.begin() + static_cast<std::ptrdiff_t>(at), pattern_.end());
  return std::string_view(buffer.data(), buffer.size());
}

ResourcePattern::ResourcePattern(std::string_view text, Variables variables)
    : template_(text, Wildcards::kYes, variables) {
  if (!template_.fixed()) return;
  std::string pattern = template_.pattern();
  if (ConfineToSegments(pattern)) pattern.append(kMissingSegments, sizeof kMissingSegments);
  glob_ = Glob(std::move(pattern));
}

bool ResourcePattern::Match(const ports::Question& question, ports::PolicyKind kind, Steps& steps) const {
  if (template_.fixed()) return glob_.Match(question.resource, steps);
  Template::Buffer buffer;
  if (!template_.Fill(question, kind, buffer, steps)) return false;
  if (ConfineToSegments({buffer.data(), buffer.size()}))
    buffer.insert(buffer.end(), std::begin(kMissingSegments), std::end(kMissingSegments));
  return Matches({buffer.data(), buffer.size()}, question.resource, steps);
}

}  // namespace strongroom::aws::policy
