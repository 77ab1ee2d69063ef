// What a proxy of an external key store answers, and what is asked of ours.
#include <boost/json/parse.hpp>

#include "fuzz/target.h"
#include "xks_protocol/answers.h"
#include "xks_protocol/requests.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  return {
      Seed(R"({"ciphertext":"aGVsbG8=","initializationVector":"AAAAAAAAAAAAAAAA","authenticationTag":)"
           R"("AAAAAAAAAAAAAAAAAAAAAA==","ciphertextMetadata":"AA==","ciphertextDataIntegrityValue":"AA=="})"),
      Seed(R"({"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT"],"keyStatus":"ENABLED"})"),
      Seed(R"({"plaintext":"aGVsbG8="})"),
      Seed(R"({"requestMetadata":{"awsPrincipalArn":"a","kmsKeyArn":"k","kmsOperation":"Encrypt","kmsRequestId":"r"},)"
           R"("plaintext":"aGVsbG8=","encryptionAlgorithm":"AES_GCM","additionalAuthenticatedData":"AA=="})"),
      Seed(R"({"xksProxyFleetSize":1,"xksProxyVendor":"v","xksProxyModel":"m","ekmVendor":"e","ekmFleetDetails":)"
           R"([{"id":"1","model":"m","healthStatus":"ACTIVE"}]})")};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  const std::string_view body = AsText(ByteView(data, size));
  (void)xks::ParseHealthAnswer(body);
  (void)xks::ParseKeyMetadataAnswer(body);
  (void)xks::ParseEncryptAnswer(body, 5, {});
  (void)xks::ParseDecryptAnswer(body, 5);
  boost::system::error_code failed;
  const auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), failed);
  if (failed || !value.is_object()) return 0;
  (void)xks::ParseHealthRequest(value.get_object());
  (void)xks::ParseKeyMetadataRequest(value.get_object());
  (void)xks::ParseEncryptRequest(value.get_object());
  (void)xks::ParseDecryptRequest(value.get_object());
  return 0;
}
