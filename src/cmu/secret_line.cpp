#include "cmu/secret_line.h"

namespace strongroom::cmu {
namespace {
constexpr std::string_view kBlanks = " \t\r\n";

/// Which word of a command's line is a password; 0 for none.
std::size_t PasswordAt(std::string_view command) {
  std::string lower(command);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.empty()) return 0;
  // loginHSM TYPE USER PASSWORD, createUser TYPE USER PASSWORD, changePswd TYPE USER PASSWORD
  for (const std::string_view name : {"loginhsm", "createuser", "changepswd"})
    if (name.starts_with(lower)) return 3;
  // recoverCO USER CHALLENGE SIGNATURE PASSWORD
  return std::string_view("recoverco").starts_with(lower) ? 4 : 0;
}
}  // namespace

SecretLine::SecretLine(std::string_view text) : text_(text.begin(), text.end()) {}

std::vector<std::string_view> SecretLine::Words() const {
  std::vector<std::string_view> words;
  std::string_view rest(text_.data(), text_.size());
  for (;;) {
    const auto begin = rest.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    rest.remove_prefix(begin);
    const auto end = std::min(rest.find_first_of(kBlanks), rest.size());
    words.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
}

std::string SecretLine::WithoutPassword() const {
  const auto words = Words();
  std::string line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) line += ' ';
    if (i > 0 && i == PasswordAt(words[0])) return line + "-hpswd";
    line += words[i];
  }
  return line;
}

}  // namespace strongroom::cmu
