#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/bytes.h"
#include "base/testing/temporary_directory.h"

namespace strongroom::crypto {

/// A folder of its own, and the openssl command inside it, as an independent reader and writer of our formats.
class OpenSslCli : public testing::Test {
 protected:
  void Write(const std::string& name, ByteView bytes) {
    std::ofstream(folder_ / name, std::ios::binary).write(AsText(bytes).data(), static_cast<long>(bytes.size()));
  }
  void Write(const std::string& name, std::string_view text) { Write(name, AsBytes(text)); }
  std::string Read(const std::string& name) {
    std::ifstream in(folder_ / name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  /// Standard output and error of `openssl <arguments>` run in the folder; a failure is in `exit_code_`.
  std::string OpenSsl(const std::string& arguments) {
    const std::string command = "cd '" + folder_.string() + "' && openssl " + arguments + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> part{};
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), size);
    exit_code_ = ::pclose(pipe);
    return output;
  }

  TemporaryDirectory temporary_;
  const std::filesystem::path& folder_ = temporary_.path();
  int exit_code_ = 0;
};

}  // namespace strongroom::crypto
