#pragma once

// A throw-away certificate and a plain blocking TLS client that sends exactly the bytes it is given.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "base/testing/temporary_directory.h"

namespace strongroom::aws::testing_kit {

/// A temporary folder with cert.pem and key.pem (P-256, self-signed for localhost).
class TemporaryCertificate {
 public:
  TemporaryCertificate() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_NAME* name = X509_get_subject_name(certificate);
    const std::string common = "localhost";
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    BIO* out = BIO_new_file(certificate_path().c_str(), "w");
    PEM_write_bio_X509(out, certificate);
    BIO_free(out);
    out = BIO_new_file(key_path().c_str(), "w");
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  std::string certificate_path() const { return (folder_.path() / "cert.pem").string(); }
  std::string key_path() const { return (folder_.path() / "key.pem").string(); }

 private:
  TemporaryDirectory folder_;
};

struct RawReply {
  unsigned status = 0;
  std::string head, body;
};

class RawTlsClient {
 public:
  explicit RawTlsClient(std::uint16_t port) : stream_(loop_, context_) {
    stream_.next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), port});
    stream_.handshake(boost::asio::ssl::stream_base::client);
  }
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket>& stream() { return stream_; }

  /// False when the server has closed.
  bool Send(std::string_view bytes) {
    boost::system::error_code ec;
    boost::asio::write(stream_, boost::asio::buffer(bytes.data(), bytes.size()), ec);
    return !ec;
  }
  /// One whole reply; status 0 when the connection ends before there is one.
  RawReply Receive(bool head_only = false) {
    RawReply reply;
    std::size_t end;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return reply;
    }
    reply.head = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    std::size_t length = 0;
    if (const std::size_t at = reply.head.find("Content-Length: "); at != std::string::npos) {
      length = std::stoul(reply.head.substr(at + 16));
    }
    if (head_only) length = 0;
    while (pending_.size() < length) {
      if (!More()) return reply;
    }
    reply.body = pending_.substr(0, length);
    pending_.erase(0, length);
    reply.status = static_cast<unsigned>(std::stoul(reply.head.substr(9, 3)));
    return reply;
  }
  /// Waits until the server closes; false if it sends anything else first.
  bool ServerCloses() { return pending_.empty() && !More(); }

 private:
  bool More() {
    char part[16384];
    boost::system::error_code ec;
    const std::size_t count = stream_.read_some(boost::asio::buffer(part), ec);
    pending_.append(part, count);
    return !ec;
  }
  boost::asio::io_context loop_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  std::string pending_;
};

}  // namespace strongroom::aws::testing_kit
