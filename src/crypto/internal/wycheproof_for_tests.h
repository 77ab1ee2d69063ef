#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "base/bytes.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto::wycheproof {

inline std::string Text(const boost::json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}
inline Bytes Hexed(const boost::json::object& object, std::string_view name) {
  return FromHex(Text(object, name)).value();
}
inline SecretBuffer HexedSecret(const boost::json::object& object, std::string_view name) {
  return SecretBuffer::CopyOf(Hexed(object, name)).value();
}
inline Bytes Shown(const SecretBuffer& buffer) { return ToBytes(secret::Peek::At(buffer)); }

/// Calls check(group, test, result) for every case of a file, and makes sure that there were as many as it says.
template <typename Check>
void ForEach(const std::string& file, Check check) {
  std::ifstream in(std::string(STRONGROOM_VECTORS "/wycheproof/") + file + ".json");
  ASSERT_TRUE(in) << file;
  std::stringstream text;
  text << in.rdbuf();
  const boost::json::value all = boost::json::parse(text.str());
  std::int64_t seen = 0;
  for (const auto& group : all.at("testGroups").as_array()) {
    for (const auto& test : group.at("tests").as_array()) {
      ++seen;
      SCOPED_TRACE(file + " case " + std::to_string(test.at("tcId").as_int64()) + " " +
                   Text(test.as_object(), "comment"));
      check(group.as_object(), test.as_object(), Text(test.as_object(), "result"));
    }
  }
  EXPECT_EQ(seen, all.at("numberOfTests").as_int64());
  EXPECT_GT(seen, 0);
}

struct File {
  std::string name;  // without ".json"
};

}  // namespace strongroom::crypto::wycheproof
