#include "cli/api_client.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/json.hpp>
#include <chrono>

#include "aws/sigv4/signer.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "secret/secret_vector.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;
namespace beast = boost::beast;
namespace net = boost::asio;

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::seconds kHealthPatience{3};
constexpr std::size_t kSampleBytes = 32;

Error Away(const boost::system::error_code& failed) {
  return Error(Errc::kUnavailable, "Strongroom's endpoint cannot be reached; is `strongroom serve` running?")
      .WithDetail(failed.message());
}

/// One request over one connection. The whole exchange has `patience`.
Result<beast::http::response<beast::http::string_body>> Exchange(const std::string& address, const std::string& port,
                                                                 const std::string& ca_file, const std::string& request,
                                                                 std::chrono::seconds patience = kPatience) {
  net::io_context loop;
  net::ssl::context tls(net::ssl::context::tls_client);
  boost::system::error_code failed;
  tls.load_verify_file(ca_file, failed);
  if (failed) return Away(failed);
  tls.set_verify_mode(net::ssl::verify_peer);
  beast::ssl_stream<beast::tcp_stream> stream(loop, tls);
  stream.set_verify_callback(net::ssl::host_name_verification(address));
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(1 << 20);
  beast::flat_buffer buffer;
  const auto ip = net::ip::make_address(address, failed);
  if (failed) return Away(failed);
  beast::get_lowest_layer(stream).expires_after(patience);
  bool done = false;
  const auto stop = [&](const boost::system::error_code& why) { failed = why; };
  beast::get_lowest_layer(stream).async_connect(
      net::ip::tcp::endpoint(ip, static_cast<unsigned short>(std::stoi(port))),
      [&](boost::system::error_code connecting) {
        if (connecting) return stop(connecting);
        stream.async_handshake(net::ssl::stream_base::client, [&](boost::system::error_code shaking) {
          if (shaking) return stop(shaking);
          net::async_write(stream, net::buffer(request), [&](boost::system::error_code writing, std::size_t) {
            if (writing) return stop(writing);
            beast::http::async_read(stream, buffer, parser, [&](boost::system::error_code reading, std::size_t) {
              if (reading) return stop(reading);
              done = true;
            });
          });
        });
      });
  loop.run();
  if (done) return parser.release();
  if (failed == beast::error::timeout) return Error(Errc::kTimeout, "Strongroom's endpoint did not answer in time.");
  return Away(failed);
}

struct Wiped {
  std::string text;
  ~Wiped() { secret::Wipe(text.data(), text.size()); }
};

std::string TextOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<ApiClient> ApiClient::Open(const DataDirectory& data, const Settings& settings) {
  auto read = ReadFile(data.root_access_key(), 64 * 1024);
  if (!read.ok() && read.error().code() == Errc::kNotFound) {
    return Error(Errc::kNotFound,
                 "This asks the service with the root access key of account " + settings.account_id +
                     ", which is not in the data directory: start `strongroom serve` if it never ran; if the key was "
                     "sealed or removed, `strongroom account reset-root` has the service make a new one.");
  }
  SR_TRY(std::string file, std::move(read));
  boost::system::error_code failed;
  json::value parsed = json::parse(file, failed);
  secret::Wipe(file.data(), file.size());
  json::object* object = failed ? nullptr : parsed.if_object();
  json::value* secret = object != nullptr ? object->if_contains("SecretAccessKey") : nullptr;
  if (secret == nullptr || !secret->is_string())
    return Error(Errc::kCorrupted, data.root_access_key().string() + " is not an access key file.");
  ApiClient client;
  client.address_ = settings.https_address;
  client.port_ = std::to_string(settings.https_port);
  client.ca_file_ = (data.tls() / "ca.crt").string();
  client.access_key_id_ = TextOf(*object, "AccessKeyId");
  json::string& text = secret->get_string();
  auto kept = SecretBuffer::CopyOf(AsBytes(std::string_view(text)));
  secret::Wipe(text.data(), text.size());
  if (!kept.ok()) return std::move(kept).error();
  client.secret_ = *std::move(kept);
  return client;
}

Result<std::string> AskHealth(const DataDirectory& data, const Settings& settings) {
  const std::string port = std::to_string(settings.https_port);
  const std::string request =
      fmt::format("GET /healthz HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n", settings.https_address, port);
  SR_TRY(auto answer,
         Exchange(settings.https_address, port, (data.tls() / "ca.crt").string(), request, kHealthPatience));
  std::string body = std::move(answer.body());
  return body;
}

Result<json::object> ApiClient::Call(const Target& target, std::string_view region, const json::object& body) {
  // What is sent may hold a password.
  Wiped text{json::serialize(body)};
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  aws::SignRequest request;
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"Host", address_ + ":" + port_},
                     {"X-Amz-Date", fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(now))},
                     {"X-Amz-Target", fmt::format("{}.{}", target.prefix, target.operation)}};
  request.body = text.text;
  request.region = region;
  request.service = target.signing_name;
  Wiped signed_request;
  SR_TRY(signed_request.text, aws::SignedHttp(request, access_key_id_, secret_));
  SR_TRY(auto answer, Exchange(address_, port_, ca_file_, signed_request.text));
  boost::system::error_code failed;
  const json::value parsed = json::parse(answer.body(), failed);
  secret::Wipe(answer.body().data(), answer.body().size());
  if (failed || !parsed.is_object())
    return Error(Errc::kInternal, "The service's answer is not JSON.").WithDetail(std::to_string(answer.result_int()));
  if (answer.result_int() == 200) return parsed.get_object();
  std::string message = TextOf(parsed.get_object(), "message");
  if (message.empty()) message = TextOf(parsed.get_object(), "Message");
  return Error(Errc::kInvalidState,
               fmt::format("{} answered {}: {}", target.operation, TextOf(parsed.get_object(), "__type"), message));
}

Result<json::object> ApiClient::Kms(std::string_view operation, std::string_view region, const json::object& body) {
  return Call({"kms", "TrentService", operation}, region, body);
}

Result<json::object> ApiClient::Strongroom(std::string_view operation, std::string_view region,
                                           const json::object& body) {
  return Call({"strongroom", "Strongroom", operation}, region, body);
}

Result<FreshCiphertext> EncryptFresh(ApiClient& api, std::string_view region, const std::string& key) {
  Bytes plaintext(kSampleBytes);
  SR_CHECK(crypto::Random(plaintext));
  SR_TRY(const json::object answer, api.Kms("Encrypt", region, {{"KeyId", key}, {"Plaintext", Base64(plaintext)}}));
  return FreshCiphertext{TextOf(answer, "CiphertextBlob"), Hex(crypto::Sha256(plaintext))};
}

Status DecryptAndCompare(ApiClient& api, std::string_view region, const std::string& ciphertext,
                         const std::string& plaintext_sha256) {
  SR_TRY(const json::object answer, api.Kms("Decrypt", region, {{"CiphertextBlob", ciphertext}}));
  const auto plaintext = FromBase64(TextOf(answer, "Plaintext"));
  if (!plaintext.ok() || Hex(crypto::Sha256(*plaintext)) != plaintext_sha256)
    return Error(Errc::kBadCiphertext, "A sample decrypts to another plaintext than was encrypted.");
  return {};
}

}  // namespace strongroom::cli
