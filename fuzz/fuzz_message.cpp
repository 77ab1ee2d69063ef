#include "encryption_sdk/testing/messages.h"
#include "fuzz/target.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  using encryption_sdk::SuiteId;
  using encryption_sdk::testing::HandMade;
  std::vector<Bytes> seeds{encryption_sdk::testing::K1(), encryption_sdk::testing::K2(), encryption_sdk::testing::K3()};
  for (const SuiteId suite : {SuiteId::k128Sha256P256, SuiteId::k192Sha384P384, SuiteId::k256NoKdf}) {
    HandMade made;
    made.suite = suite;
    seeds.push_back(made.Make());
    made.content_type = encryption_sdk::ContentType::kNonFramed;
    seeds.push_back(made.Make());
  }
  return seeds;
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  using namespace strongroom::encryption_sdk;
  static const CmmPtr cmm = testing::WrappingCmm();
  const ByteView input(data, size);
  // However the input comes in, the answer and what is released are the same.
  Bytes at_once, in_pieces;
  const auto whole = testing::ReadInPieces(*cmm, input, 0, at_once);
  const auto pieces = testing::ReadInPieces(*cmm, input, 1 + size % 7, in_pieces);
  fuzz::Require(testing::Said(whole) == testing::Said(pieces) && at_once == in_pieces);
  if (whole.ok()) fuzz::Require(whole->message_bytes == size && whole->plaintext_bytes == at_once.size());

  const auto header = PeekHeader(input, {.max_encrypted_data_keys = {}});
  if (!header.ok()) return 0;
  const auto written = SerializeBody(*header);
  fuzz::Require(written.ok());
  const auto context = ParseContext(Serialize(header->context).value());
  fuzz::Require(context.ok() && *context == header->context);
  return 0;
}
