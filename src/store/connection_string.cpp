#include "store/connection_string.h"

#include <libpq-fe.h>

#include <memory>
#include <string_view>

namespace strongroom::store {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
struct FreeText {
  void operator()(char* text) const noexcept { PQfreemem(text); }
};

}  // namespace

Result<ConnectionString> ReadConnectionString(const std::string& conninfo) {
  // A database's name alone, which libpq expands where it connects (expand_dbname).
  if (conninfo.find('=') == std::string::npos && conninfo.find("://") == std::string::npos) return ConnectionString{};
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(conninfo.c_str(), &reason));
  const std::unique_ptr<char, FreeText> said(reason);
  if (!options) {
    std::string why = said ? said.get() : "libpq is out of memory";
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return Error(Errc::kInvalidArgument, "That is no connection string of PostgreSQL: " + why + ".");
  }
  ConnectionString read;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "password" || keyword == "sslpassword") read.has_password = true;
    if (keyword == "passfile" || keyword == "service") read.names_password_place = true;
  }
  return read;
}

Status CheckForCommandLine(const std::string& conninfo) {
  SR_TRY(const ConnectionString read, ReadConnectionString(conninfo));
  if (!read.has_password) return {};
  return Error(Errc::kInvalidArgument,
               "Everybody on this machine can read a command line; put the password into ~/.pgpass of the user who "
               "runs `strongroom serve`.");
}

}  // namespace strongroom::store
