#include "aws/http/request_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace strongroom::aws {
namespace {
namespace http = boost::beast::http;

/// A signed AWS request has about a dozen headers; this bounds the work of looking through them.
constexpr std::size_t kMostHeaders = 100;
}  // namespace

RequestReader::RequestReader(const HttpLimits& limits, std::vector<HttpHeader>& headers)
    : limits_(limits), headers_(headers) {
  headers_.clear();
  header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  body_limit(limits.body_bytes);
  eager(false);
}

RequestReader::State RequestReader::Refuse(unsigned status, const char* reason) noexcept {
  refusal_ = {status, reason};
  return State::kBad;
}

RequestReader::State RequestReader::Judge(const Code& ec) noexcept {
  if (refusal_.reason[0] != '\0') return State::kBad;
  if (ec == http::error::header_limit) return Refuse(431, "The request header is too large.");
  if (ec == http::error::body_limit) return Refuse(413, "The request body is too large.");
  if (ec == http::error::bad_version) return Refuse(505, "The HTTP version is not supported.");
  return Refuse(400, "The request is not valid HTTP/1.1.");
}

void RequestReader::on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target,
                                    int version, Code&) {
  version_ = version;
  method_ = method;
  target_ = target;
}

void RequestReader::on_field_impl(http::field field, boost::beast::string_view name, boost::beast::string_view value,
                                  Code& ec) {
  if (header_bytes_ != 0) return;  // a trailer; nothing here looks at them
  // A folded value (obs-fold) is unfolded into a buffer that is gone by now; RFC 9112, 5.2 lets a server refuse it.
  const bool inside = value.empty() || (value.data() >= received_.data() &&
                                        value.data() + value.size() <= received_.data() + received_.size());
  if (!inside) {
    ec = http::error::bad_value;
    return;
  }
  if (headers_.size() == kMostHeaders) {
    Refuse(431, "The request has too many headers.");
    ec = http::error::header_limit;
    return;
  }
  headers_.push_back({name, value});
  switch (field) {
    case http::field::host: ++hosts_; break;
    case http::field::content_length: has_length_ = true; break;
    case http::field::expect:
      if (boost::beast::iequals(value, "100-continue")) {
        expects_continue_ = true;
      } else {
        Refuse(417, "Only the expectation 100-continue is supported.");
        ec = http::error::bad_value;
      }
      break;
    case http::field::transfer_encoding:
      if (!boost::beast::iequals(value, "chunked")) {
        Refuse(501, "Only the transfer coding chunked is supported.");
        ec = http::error::bad_transfer_encoding;
      }
      break;
    default: break;
  }
}

RequestReader::State RequestReader::CheckHeader() {
  if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) return Refuse(400, "Exactly one Host header is required.");
  if (version_ == 10) expects_continue_ = false;  // RFC 9110, 10.1.1
  if (!has_length_ && !chunked()) {
    if (method_ == "POST" || method_ == "PUT") return Refuse(411, "A Content-Length is required.");
  } else if (has_length_) {
    content_bytes_ = static_cast<std::size_t>(content_length().value_or(0));
    if (content_bytes_ > limits_.body_bytes) return Refuse(413, "The request body is too large.");
  }
  return State::kHeaderDone;
}

RequestReader::State RequestReader::ReadHeader(std::string_view received) {
  received_ = received;
  Code ec;
  const std::size_t used = put(boost::asio::const_buffer(received.data() + taken_, received.size() - taken_), ec);
  taken_ += used;
  if (ec == http::error::need_more) {
    if (received.size() >= limits_.header_bytes) return Refuse(431, "The request header is too large.");
    return State::kNeedMore;
  }
  if (ec) return Judge(ec);
  if (!is_header_done()) return State::kNeedMore;
  if (taken_ > limits_.header_bytes) return Refuse(431, "The request header is too large.");
  header_bytes_ = taken_;
  return CheckHeader();
}

RequestReader::State RequestReader::ReadBody(std::string_view received, WipedBuffer& unchunked) {
  received_ = received;
  if (!chunked()) {
    if (received.size() < header_bytes_ + content_bytes_) return State::kNeedMore;
    taken_ = header_bytes_ + content_bytes_;
    return State::kDone;
  }
  unchunked_ = &unchunked;
  while (!is_done()) {
    Code ec;
    const std::size_t used = put(boost::asio::const_buffer(received.data() + taken_, received.size() - taken_), ec);
    taken_ += used;
    if (ec == http::error::need_more) {
      // Chunk framing may cost more than what it carries, but not without end.
      if (received.size() > header_bytes_ + 4 * limits_.body_bytes)
        return Refuse(413, "The request body is too large.");
      return State::kNeedMore;
    }
    if (ec) return Judge(ec);
    if (used == 0 && !is_done()) return State::kNeedMore;
  }
  return State::kDone;
}

std::size_t RequestReader::on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, Code& ec) {
  if (unchunked_->size() + body.size() > limits_.body_bytes) {
    ec = http::error::body_limit;
    return 0;
  }
  unchunked_->Append(body);
  return body.size();
}

std::size_t RequestReader::expected_bytes() const noexcept { return header_bytes_ + content_bytes_; }

std::string_view RequestReader::body(std::string_view received, const WipedBuffer& unchunked) const noexcept {
  return chunked() ? unchunked.view() : received.substr(header_bytes_, content_bytes_);
}

void RequestReader::Rebase(const char* old_base, const char* new_base) noexcept {
  const auto moved = [&](std::string_view view) {
    return view.empty() ? view : std::string_view(new_base + (view.data() - old_base), view.size());
  };
  method_ = moved(method_);
  target_ = moved(target_);
  for (HttpHeader& header : headers_) header = {moved(header.name), moved(header.value)};
}

}  // namespace strongroom::aws
