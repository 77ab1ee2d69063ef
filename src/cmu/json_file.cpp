#include "cmu/json_file.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace strongroom::cmu {
namespace {

void Indent(std::string& out, const boost::json::value& value, int depth) {
  const auto line = [&](int at) { out += "\n" + std::string(static_cast<std::size_t>(at) * 2, ' '); };
  if (const auto* object = value.if_object(); object && !object->empty()) {
    out += "{";
    const char* separator = "";
    for (const auto& [key, member] : *object) {
      out += separator;
      line(depth + 1);
      out += boost::json::serialize(key) + ": ";
      Indent(out, member, depth + 1);
      separator = ",";
    }
    line(depth);
    out += "}";
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    out += "[";
    const char* separator = "";
    for (const auto& element : *array) {
      out += separator;
      line(depth + 1);
      Indent(out, element, depth + 1);
      separator = ",";
    }
    line(depth);
    out += "]";
  } else {
    out += boost::json::serialize(value);
  }
}

Error FileProblem(const std::filesystem::path& file, std::string_view doing, int error_number) {
  return Error(error_number == ENOENT ? Errc::kNotFound : Errc::kPermission,
               fmt::format("Cannot {} {}: {}.", doing, file.string(), std::generic_category().message(error_number)));
}

}  // namespace

Result<boost::json::object> ReadJsonFile(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) return FileProblem(file, "read", errno);
  std::string text;
  text.resize((1 << 20) + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > (1 << 20)) return Error(Errc::kInvalidArgument, file.string() + " is larger than 1 MiB.");
  boost::system::error_code failed;
  boost::json::value value = boost::json::parse(text, failed);
  if (failed || !value.is_object())
    return Error(Errc::kInvalidArgument, fmt::format("{} is not a JSON object{}{}.", file.string(), failed ? ": " : "",
                                                     failed ? failed.message() : ""));
  return std::move(value.as_object());  // cppcheck-suppress returnStdMoveLocal
}

Status WriteJsonFile(const std::filesystem::path& file, const boost::json::object& content) {
  std::string text;
  Indent(text, content, 0);
  const std::filesystem::path temporary = file.string() + ".new";
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text << "\n";
  out.close();
  if (!out) return FileProblem(file, "write", errno);
  std::error_code failed;
  std::filesystem::rename(temporary, file, failed);
  if (failed) return FileProblem(file, "write", failed.value());
  return {};
}

}  // namespace strongroom::cmu
