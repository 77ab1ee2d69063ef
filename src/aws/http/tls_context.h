#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "base/result.h"

namespace strongroom::aws {

/// Server side of TLS 1.2 and 1.3: AEAD suites only, session tickets, ALPN http/1.1 (a client that offers only other
/// protocols is refused), no renegotiation, no compression.
/// Errors: kInvalidArgument naming the file when certificate or key cannot be used together.
/// Source: RFC 8446, RFC 7301, RFC 9325.
Result<boost::asio::ssl::context> MakeServerTls(const std::string& certificate_chain, const std::string& private_key);

}  // namespace strongroom::aws
