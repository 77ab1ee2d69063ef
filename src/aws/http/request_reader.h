#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <vector>

#include "aws/http/handler.h"
#include "aws/http/server.h"

namespace strongroom::aws {

/// Parses one request out of a connection's kept buffer, without copying: its views stay right until the buffer moves
/// (Rebase). Used anew for each request.
/// Source: RFC 9112.
class RequestReader final : public boost::beast::http::basic_parser<true> {
 public:
  enum class State { kNeedMore, kHeaderDone, kDone, kBad };
  struct Refusal {
    unsigned status = 400;
    const char* reason = "";
  };

  RequestReader(const HttpLimits& limits, std::vector<HttpHeader>& headers);

  /// Tries to take the header; `received` is everything since the request's first byte.
  State ReadHeader(std::string_view received);
  /// After the header: takes the body out of `received`. With Content-Length nothing is copied.
  State ReadBody(std::string_view received, WipedBuffer& unchunked);
  /// The buffer has moved from `old_base`.
  void Rebase(const char* old_base, const char* new_base) noexcept;

  bool expects_continue() const noexcept { return expects_continue_; }
  std::size_t header_bytes() const noexcept { return header_bytes_; }
  /// Of the whole request, once ReadBody said kDone.
  std::size_t total_bytes() const noexcept { return taken_; }
  /// How many bytes the request has in all, as far as is known by now.
  std::size_t expected_bytes() const noexcept;
  int version() const noexcept { return version_; }  // 10 or 11
  std::string_view method() const noexcept { return method_; }
  std::string_view target() const noexcept { return target_; }
  std::string_view body(std::string_view received, const WipedBuffer& unchunked) const noexcept;
  const Refusal& refusal() const noexcept { return refusal_; }

 private:
  using Code = boost::beast::error_code;
  using View = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb, View method, View target, int version, Code& ec) override;
  void on_response_impl(int, View, int, Code&) override {}
  void on_field_impl(boost::beast::http::field, View name, View value, Code& ec) override;
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View body, Code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remain, View body, Code& ec) override;
  void on_finish_impl(Code&) override {}

  State Refuse(unsigned status, const char* reason) noexcept;
  State Judge(const Code& ec) noexcept;
  State CheckHeader();

  const HttpLimits& limits_;
  std::vector<HttpHeader>& headers_;
  std::string_view received_, method_, target_;
  WipedBuffer* unchunked_ = nullptr;
  std::size_t header_bytes_ = 0, taken_ = 0, content_bytes_ = 0, hosts_ = 0;
  int version_ = 0;
  bool expects_continue_ = false, has_length_ = false;
  Refusal refusal_;
};

}  // namespace strongroom::aws
