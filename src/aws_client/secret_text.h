#pragma once

#include <string_view>

#include "secret/secret_buffer.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {

/// Moves secrets between the locked pool and the texts of requests and answers, which are wiped.
class SecretText {
 public:
  static void Append(const SecretBuffer& secret, SecretString& to);
  static void AppendBase64(const SecretBuffer& secret, SecretString& to);
};

inline void AppendTo(SecretString& to, std::string_view text) { to.insert(to.end(), text.begin(), text.end()); }

}  // namespace strongroom::aws_client
