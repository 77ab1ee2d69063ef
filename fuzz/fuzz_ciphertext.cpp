#include "fuzz/target.h"
#include "kms/blob/blob.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  std::vector<Bytes> seeds;
  for (const kms::StoreKind store : {kms::StoreKind::kDomain, kms::StoreKind::kCloudHsm, kms::StoreKind::kExternal}) {
    Bytes blob = kms::EncodeHeader({store, "111122223333", "12345678-1234-1234-1234-123456789012", {}});
    blob.resize(blob.size() + 80, 7);
    seeds.push_back(std::move(blob));
  }
  return seeds;
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  const auto parsed = kms::ParseBlob(ByteView(data, size));
  if (!parsed.ok()) return 0;
  // What is taken for one of ours says the same when it is written again.
  fuzz::Require(kms::EncodeHeader(parsed->header) == ToBytes(parsed->header_bytes));
  fuzz::Require(parsed->header_bytes.size() + parsed->sealed.size() == size);
  return 0;
}
