#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/http/handler.h"
#include "aws/http/text.h"

namespace strongroom::aws::testing_kit {

/// A request as text (LF line ends, folded headers), taken apart as the HTTP layer would hand it on.
struct TextRequest {
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<HttpHeader> views;

  explicit TextRequest(const std::string& text) {
    std::istringstream in(text);
    std::string line;
    std::getline(in, line);
    Cut(line);
    const std::size_t first = line.find(' '), last = line.rfind(' ');
    method = line.substr(0, first);
    target = line.substr(first + 1, last - first - 1);
    while (std::getline(in, line)) {
      Cut(line);
      if (line.empty()) break;
      if (line[0] == ' ') {
        headers.back().second += line;
        continue;
      }
      const std::size_t colon = line.find(':');
      headers.emplace_back(line.substr(0, colon), Trimmed(std::string_view(line).substr(colon + 1)));
    }
    std::ostringstream rest;
    rest << in.rdbuf();
    body = rest.str();
  }
  static void Cut(std::string& line) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
  }
  std::string& Header(std::string_view name) {
    for (auto& header : headers) {
      if (header.first == name) return header.second;
    }
    return headers.emplace_back(name, "").second;
  }
  void Drop(std::string_view name) {
    std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  }
  HttpRequest View() {
    views.clear();
    for (const auto& [name, value] : headers) views.push_back({name, value});
    return {.method = method, .target = target, .headers = views, .body = body};
  }
};

}  // namespace strongroom::aws::testing_kit
