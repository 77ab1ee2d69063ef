#include "aws_client/secret_text.h"

#include "base/bytes.h"

namespace strongroom::aws_client {

void SecretText::Append(const SecretBuffer& secret, SecretString& to) {
  AppendTo(to, AsText(secret.Reveal(KeyAccess())));
}

void SecretText::AppendBase64(const SecretBuffer& secret, SecretString& to) {
  const std::size_t before = to.size();
  to.resize(before + Base64Size(secret.size()));
  Base64Into(secret.Reveal(KeyAccess()), to.data() + before);
}

}  // namespace strongroom::aws_client
