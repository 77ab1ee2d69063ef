#include "aws/policy/glob.h"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <cstring>

namespace strongroom::aws::policy {
namespace {

constexpr std::size_t kSegments = 6;
constexpr bool Continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
constexpr bool IsRun(char c) noexcept { return c == kAnyRun || c == kRunNoColon; }

/// Only runs: the pieces between them must follow one another, each found as early as it can be.
bool MatchesRuns(std::string_view pattern, std::string_view text, Steps& steps) {
  const std::size_t first = pattern.find(kAnyRun), last = pattern.rfind(kAnyRun);
  const std::string_view head = pattern.substr(0, first), tail = pattern.substr(last + 1);
  if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) return false;
  if (first == last) return true;
  std::string_view rest = text.substr(head.size(), text.size() - head.size() - tail.size());
  std::string_view pieces = pattern.substr(first + 1, last - first - 1);
  for (;;) {
    const std::size_t end = std::min(pieces.find(kAnyRun), pieces.size());
    if (end != 0) {
      // Linear, which std::string_view::find does not promise.
      const void* found = end > rest.size() ? nullptr : ::memmem(rest.data(), rest.size(), pieces.data(), end);
      if (found == nullptr) {
        steps.Take(rest.size());
        return false;
      }
      const std::size_t used = static_cast<std::size_t>(static_cast<const char*>(found) - rest.data()) + end;
      if (!steps.Take(used)) return false;
      rest.remove_prefix(used);
    }
    if (end == pieces.size()) return true;
    pieces.remove_prefix(end + 1);
  }
}

/// A nondeterministic automaton whose states are bits: state i has matched i letters of the pattern. A run after letter
/// i lets state i stay where it is.
class Automaton {
 public:
  using Word = std::uint64_t;

  Automaton(std::string_view pattern, Steps& steps) {
    for (const char c : pattern) letters_ += IsRun(c) ? 0 : 1;
    words_ = letters_ / kBits + 1;
    index_.fill(0);
    Grow();  // for letters that are not in the pattern
    any_run_.resize(words_);
    bounded_run_.resize(words_);
    one_.resize(words_);
    bounded_one_.resize(words_);
    std::size_t at = 0;
    for (const char c : pattern) {
      if (c == kAnyRun) {
        Set(any_run_.data(), at);
      } else if (c == kRunNoColon) {
        Set(bounded_run_.data(), at);
      } else {
        ++at;
        if (c == kOne) {
          Set(one_.data(), at);
        } else if (c == kOneNoColon) {
          Set(bounded_one_.data(), at);
        } else {
          std::uint8_t& index = index_[static_cast<unsigned char>(c)];
          if (index == 0) {
            if (!steps.Take(words_)) return;
            index = Grow();
          }
          Set(&letters_of_[index * words_], at);
        }
      }
    }
  }

  bool Match(std::string_view text, Steps& steps) {
    if (letters_ > text.size() || steps.exhausted()) return false;
    boost::container::small_vector<Word, 8> now(words_);
    now[0] = 1;
    for (const char c : text) {
      const Word* const letter = &letters_of_[index_[static_cast<unsigned char>(c)] * words_];
      Word carry = 0, alive = 0;
      for (std::size_t w = 0; w < words_; ++w) {
        const Word before = now[w];
        const Word shifted = before << 1 | carry;
        carry = before >> (kBits - 1);
        Word stay = any_run_[w], step = letter[w];
        if (c != ':') stay |= bounded_run_[w];
        if (Continues(c)) {
          stay |= one_[w] | bounded_one_[w];  // the rest of the character that was matched as one
        } else {
          step |= one_[w];
          if (c != ':') step |= bounded_one_[w];
        }
        now[w] = (shifted & step) | (before & stay);
        alive |= now[w];
      }
      if (!steps.Take(words_) || alive == 0) return false;
    }
    return (now[letters_ / kBits] >> (letters_ % kBits) & 1) != 0;
  }

 private:
  static constexpr std::size_t kBits = 64;
  static void Set(Word* words, std::size_t bit) { words[bit / kBits] |= Word{1} << (bit % kBits); }
  std::uint8_t Grow() {
    letters_of_.resize(letters_of_.size() + words_);
    return static_cast<std::uint8_t>(letters_of_.size() / words_ - 1);
  }

  std::size_t letters_ = 0, words_ = 1;
  std::array<std::uint8_t, 256> index_{};
  boost::container::small_vector<Word, 128> letters_of_;
  boost::container::small_vector<Word, 8> any_run_, bounded_run_, one_, bounded_one_;
};

std::size_t LettersIn(std::string_view pattern) {
  return static_cast<std::size_t>(std::count_if(pattern.begin(), pattern.end(), [](char c) { return !IsRun(c); }));
}

}  // namespace

bool Matches(std::string_view pattern, std::string_view text, Steps& steps) {
  if (!steps.Take(pattern.size())) return false;
  bool runs = false, others = false;
  for (const char c : pattern) {
    runs = runs || c == kAnyRun;
    others = others || (IsToken(c) && c != kAnyRun);
  }
  if (!others) return runs ? MatchesRuns(pattern, text, steps) : pattern == text;
  if (LettersIn(pattern) > text.size()) return false;
  return Automaton(pattern, steps).Match(text, steps);
}

bool MatchesArn(std::string_view pattern, std::string_view text, Steps& steps) {
  if (!steps.Take(text.size())) return false;
  if (std::count(text.begin(), text.end(), ':') < static_cast<std::ptrdiff_t>(kSegments - 1)) return false;
  for (std::size_t segment = 1; segment <= kSegments; ++segment) {
    const bool last = segment == kSegments;
    const std::size_t of_pattern = last ? pattern.size() : std::min(pattern.find(':'), pattern.size());
    const std::size_t of_text = last ? text.size() : text.find(':');
    if (!Matches(pattern.substr(0, of_pattern), text.substr(0, of_text), steps)) return false;
    if (of_pattern == pattern.size()) return true;
    pattern.remove_prefix(of_pattern + 1);
    text.remove_prefix(of_text + 1);
  }
  return true;
}

bool ConfineToSegments(std::span<char> pattern) {
  std::size_t segment = 1;
  for (std::size_t at = 0; at < pattern.size() && segment < kSegments; ++at) {
    char& c = pattern[at];
    if (c == ':') {
      ++segment;
    } else if (c == kOne) {
      c = kOneNoColon;
    } else if (c == kAnyRun) {
      const bool ends = at + 1 == pattern.size() || pattern[at + 1] == ':';
      if (!ends) c = kRunNoColon;
    }
  }
  return segment < kSegments && (pattern.empty() || pattern.back() != kAnyRun);
}

Glob::Glob(std::string pattern) : pattern_(std::move(pattern)) {
  const auto tokens = std::count_if(pattern_.begin(), pattern_.end(), IsToken);
  if (tokens == 0) {
    shape_ = Shape::kExact;
  } else if (tokens == 1 && pattern_.back() == kAnyRun) {
    shape_ = pattern_.size() == 1 ? Shape::kAnything : Shape::kPrefix;
  } else {
    shape_ = Shape::kOther;
  }
}

bool Glob::Match(std::string_view text, Steps& steps) const {
  switch (shape_) {
    case Shape::kExact: return pattern_ == text;
    case Shape::kAnything: return true;
    case Shape::kPrefix: return text.starts_with(std::string_view(pattern_).substr(0, pattern_.size() - 1));
    case Shape::kOther: break;
  }
  return Matches(pattern_, text, steps);
}

}  // namespace strongroom::aws::policy
