#include <algorithm>
#include <boost/regex.hpp>

#include "aws/model/service_model.h"
#include "aws/model/utf8.h"

namespace strongroom::aws::model {
namespace {

class ClassPattern final : public Pattern {
 public:
  ClassPattern(std::string text, std::vector<char32_t> bounds, bool empty_matches)
      : Pattern(std::move(text)), bounds_(std::move(bounds)), empty_matches_(empty_matches) {
    for (char32_t c = 0; c < ascii_.size(); ++c) ascii_[c] = Search(c);
  }

  bool Matches(std::string_view text) const override {
    if (text.empty()) return empty_matches_;
    for (std::size_t at = 0; at < text.size();) {
      const char32_t c = NextCodePoint(text, at);
      if (!(c < ascii_.size() ? ascii_[c] : Search(c))) return false;
    }
    return true;
  }

 private:
  bool Search(char32_t c) const {
    // The first bound above c has an odd index exactly when c is inside a range, but for c being an upper bound itself.
    const auto above = std::upper_bound(bounds_.begin(), bounds_.end(), c);
    const auto index = static_cast<std::size_t>(above - bounds_.begin());
    return index % 2 == 1 || (index != 0 && bounds_[index - 1] == c);
  }
  std::vector<char32_t> bounds_;
  std::array<bool, 128> ascii_{};
  bool empty_matches_;
};

class RegexPattern final : public Pattern {
 public:
  RegexPattern(std::string text, boost::regex regex) : Pattern(std::move(text)), regex_(std::move(regex)) {}
  bool Matches(std::string_view text) const override {
    try {
      return boost::regex_match(text.begin(), text.end(), regex_, boost::match_default | boost::match_not_dot_newline);
    } catch (const std::runtime_error&) {
      return false;  // the matcher's own bound on backtracking; no text that fits our patterns comes near it
    }
  }

 private:
  boost::regex regex_;
};

}  // namespace

std::unique_ptr<Pattern> MakeClassPattern(std::string text, std::vector<char32_t> bounds, bool empty_matches) {
  return std::make_unique<ClassPattern>(std::move(text), std::move(bounds), empty_matches);
}

Result<std::unique_ptr<Pattern>> MakeRegexPattern(std::string text) {
  try {
    // The models are written for Java, where \u002F is an ASCII character that Perl's syntax knows as \x2F.
    static const boost::regex java("\\\\u00([0-7][0-9A-Fa-f])", boost::regex::perl);
    boost::regex regex(boost::regex_replace(text, java, "\\\\x$1", boost::format_perl), boost::regex::perl);
    return std::unique_ptr<Pattern>(std::make_unique<RegexPattern>(std::move(text), std::move(regex)));
  } catch (const boost::regex_error& failure) {
    return Error(Errc::kInvalidArgument, "Not a regular expression: " + text).WithDetail(failure.what());
  }
}

}  // namespace strongroom::aws::model
