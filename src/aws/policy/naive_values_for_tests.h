#pragma once

#include <arpa/inet.h>
#include <sodium.h>

#include <boost/json.hpp>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <vector>

// Patterns and values as naive_for_tests.h reads them.
namespace strongroom::aws::naive {
namespace json = boost::json;

using Strings = std::vector<std::string>;
using Context = std::map<std::string, Strings>;  // keys in lower case

inline std::string Low(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

inline Strings Split(const std::string& text, char by, std::size_t at_most) {
  Strings parts(1);
  for (const char c : text) {
    if (c == by && parts.size() < at_most) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

inline Strings List(const json::value& value) {
  if (value.is_array()) {
    Strings all;
    for (const json::value& one : value.get_array()) all.emplace_back(one.get_string().c_str());
    return all;
  }
  return {value.get_string().c_str()};
}

// ---- Patterns: one symbol for each character.

struct Symbol {
  enum { kLetter, kRun, kOne } what = kLetter;
  std::string letter;
  bool colons = true;  // a wildcard takes them, too
};
using Symbols = std::vector<Symbol>;

inline Strings Characters(const std::string& text) {
  Strings all;
  for (const char c : text) {
    if ((c & 0xc0) == 0x80 && !all.empty()) {
      all.back() += c;
    } else {
      all.emplace_back(1, c);
    }
  }
  return all;
}

inline bool Fits(const Symbols& pattern, const std::string& text) {
  const Strings letters = Characters(text);
  // fits[p][t]: the pattern from p on fits the text from t on.
  std::vector<std::vector<bool>> fits(pattern.size() + 1, std::vector<bool>(letters.size() + 1, false));
  fits[pattern.size()][letters.size()] = true;
  for (std::size_t p = pattern.size(); p-- > 0;) {
    for (std::size_t t = letters.size() + 1; t-- > 0;) {
      const Symbol& symbol = pattern[p];
      const bool more = t < letters.size();
      const bool takes = more && (symbol.colons || letters[t] != ":");
      if (symbol.what == Symbol::kLetter) fits[p][t] = more && letters[t] == symbol.letter && fits[p + 1][t + 1];
      if (symbol.what == Symbol::kOne) fits[p][t] = takes && fits[p + 1][t + 1];
      if (symbol.what == Symbol::kRun) fits[p][t] = fits[p + 1][t] || (takes && fits[p][t + 1]);
    }
  }
  return fits[0][0];
}

/// The text of a policy with its variables replaced; nothing when one of them has no value.
inline std::optional<Symbols> Read(std::string text, const Context& context, bool wildcards, bool variables) {
  Symbols symbols;
  const auto letters = [&](const std::string& some) {
    for (const std::string& one : Characters(some)) symbols.push_back({Symbol::kLetter, one, true});
  };
  while (!text.empty()) {
    const std::size_t end = text.find('}');
    if (variables && text.substr(0, 2) == "${" && end != std::string::npos) {
      const std::string inner = text.substr(2, end - 2);
      const Strings parts = Split(inner, ',', 2);
      if (inner == "*" || inner == "?" || inner == "$") {
        letters(inner);
        text = text.substr(end + 1);
        continue;
      }
      if (parts[0].find(':') != std::string::npos) {
        const auto found = context.find(Low(parts[0]));
        if (found != context.end() && found->second.size() == 1) {
          letters(found->second[0]);
        } else if (found == context.end() && parts.size() == 2) {
          const std::size_t from = parts[1].find('\''), to = parts[1].rfind('\'');
          letters(parts[1].substr(from + 1, to - from - 1));
        } else {
          return std::nullopt;
        }
        text = text.substr(end + 1);
        continue;
      }
    }
    const std::string letter = Characters(text)[0];
    Symbol symbol{Symbol::kLetter, letter, true};
    if (wildcards && letter == "*") symbol.what = Symbol::kRun;
    if (wildcards && letter == "?") symbol.what = Symbol::kOne;
    symbols.push_back(symbol);
    text = text.substr(letter.size());
  }
  return symbols;
}

inline bool IsColon(const Symbol& symbol) { return symbol.what == Symbol::kLetter && symbol.letter == ":"; }

inline bool FitsResource(const std::string& text, const Context& context, bool variables, const std::string& resource) {
  auto symbols = Read(text, context, true, variables);
  if (!symbols) return false;
  std::size_t colons = 0;
  for (std::size_t i = 0; i < symbols->size() && colons < 5; ++i) {
    Symbol& symbol = (*symbols)[i];
    if (IsColon(symbol)) ++colons;
    const bool last_of_segment = i + 1 == symbols->size() || IsColon((*symbols)[i + 1]);
    if (symbol.what == Symbol::kOne || (symbol.what == Symbol::kRun && !last_of_segment)) symbol.colons = false;
  }
  if (colons < 5 && (symbols->empty() || symbols->back().what != Symbol::kRun)) {
    symbols->push_back({Symbol::kLetter, ":", true});
    symbols->push_back({Symbol::kRun, "", true});
  }
  return Fits(*symbols, resource);
}

inline bool FitsArn(const Symbols& pattern, const std::string& text) {
  const Strings parts = Split(text, ':', 6);
  if (parts.size() < 6) return false;
  std::vector<Symbols> wanted(1);
  for (const Symbol& symbol : pattern) {
    if (IsColon(symbol) && wanted.size() < 6) {
      wanted.emplace_back();
    } else {
      wanted.back().push_back(symbol);
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!Fits(wanted[i], parts[i])) return false;
  }
  return true;
}

// ---- Values.

inline std::optional<double> Number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != 0) return std::nullopt;
  return value;
}

inline std::optional<double> Date(const std::string& text) {
  if (text.find('-', 1) == std::string::npos) {
    if (text.find('.') != std::string::npos) return std::nullopt;
    return Number(text);
  }
  std::tm parts{};
  int seconds_end = 0, minutes_end = 0, day_end = 0;
  std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &day_end);
  if (day_end != 10) return std::nullopt;
  std::sscanf(text.c_str() + 10, "T%2d:%2d%n", &parts.tm_hour, &parts.tm_min, &minutes_end);
  std::size_t at = 10 + static_cast<std::size_t>(minutes_end);
  if (minutes_end != 0) {
    std::sscanf(text.c_str() + at, ":%2d%n", &parts.tm_sec, &seconds_end);
    at += static_cast<std::size_t>(seconds_end);
  }
  if (at < text.size() && text[at] == '.') at = text.find_first_not_of("0123456789", at + 1);
  const std::string zone = at < text.size() ? text.substr(at) : "";
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  double seconds = static_cast<double>(timegm(&parts));
  if (zone.size() == 6) {
    const double offset = std::atoi(zone.substr(1, 2).c_str()) * 3600 + std::atoi(zone.substr(4, 2).c_str()) * 60;
    seconds += zone[0] == '+' ? -offset : offset;
  } else if (zone != "Z" && at != 10) {
    return std::nullopt;
  }
  return seconds;
}

/// An address or range as the bits that it fixes, IPv4 behind the prefix that maps it.
inline std::optional<std::string> Bits(const std::string& text) {
  const Strings parts = Split(text, '/', 2);
  unsigned char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool v4 = inet_pton(AF_INET, parts[0].c_str(), bytes + 12) == 1;
  if (!v4 && inet_pton(AF_INET6, parts[0].c_str(), bytes) != 1) return std::nullopt;
  std::string bits;
  for (const unsigned char byte : bytes) {
    for (int i = 7; i >= 0; --i) bits += (byte >> i & 1) != 0 ? '1' : '0';
  }
  if (parts.size() == 2) bits.resize(static_cast<std::size_t>(std::atoi(parts[1].c_str()) + (v4 ? 96 : 0)));
  return bits;
}

inline std::optional<std::string> Blob(const std::string& text) {
  std::string out(text.size() + 1, '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                        &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  return out.substr(0, size);
}

}  // namespace strongroom::aws::naive
