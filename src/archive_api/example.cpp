// Encrypts or decrypts standard input to standard output:
//
//   example encrypt|decrypt KMS-KEY-ARN [NAME=VALUE…]
//   example encrypt-offline PUBLIC-KEY.pem | decrypt-offline PRIVATE-KEY.pem
//
// Compiled with archive.hpp and libstrongroom-archive alone, and run by tests.

#include <archive.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

namespace {

namespace api = strongroom::archive_api;

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("Cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <typename Stream>
void Feed(Stream& stream) {
  std::vector<char> piece(1 << 16);
  while (std::cin.read(piece.data(), static_cast<std::streamsize>(piece.size())), std::cin.gcount() > 0) {
    stream.Write({piece.data(), static_cast<std::size_t>(std::cin.gcount())});
  }
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) throw std::runtime_error("usage: example encrypt|decrypt KMS-KEY-ARN [NAME=VALUE...]");
  const std::string &what = arguments[0], &key = arguments[1];
  api::Keys keys;
  if (what == "encrypt-offline") {
    keys.AddRsaPublic("example", "offline", Slurp(key));
  } else if (what == "decrypt-offline") {
    keys.AddRsaPrivate("example", "offline", Slurp(key));
  } else {
    keys.AddKms(key);
  }
  api::Context context;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    if (equals == std::string::npos) throw std::runtime_error("A context entry is NAME=VALUE.");
    context[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  const api::Client client(std::move(keys), {.sign = true, .threads = 1});
  const auto out = [](std::string_view text) {
    if (!std::cout.write(text.data(), static_cast<std::streamsize>(text.size()))) {
      throw std::runtime_error("Cannot write to standard output.");
    }
  };
  if (what.starts_with("encrypt")) {
    api::Writer writer = client.StartEncrypting(context, out);
    Feed(writer);
    writer.Finish();
  } else {
    // A program that stores what it decrypts writes to a temporary file and keeps it only once Finish has returned.
    api::Reader reader = client.StartDecrypting(context, out);
    Feed(reader);
    reader.Finish();
  }
  std::cout.flush();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return Run({values + 1, values + count});
  } catch (const api::Failure& failure) {
    std::cerr << failure.what() << (failure.retryable() ? " (try again later)" : "") << '\n';
    return 2;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
