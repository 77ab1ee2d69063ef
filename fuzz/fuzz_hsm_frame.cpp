// Frames of the inner connection, and the commands' messages in them.
#include "fuzz/target.h"
#include "keys.pb.h"
#include "messages.pb.h"
#include "secret/secret_vector.h"
#include "wire/commands.h"
#include "wire/frame.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  std::vector<Bytes> seeds;
  for (const bool rich : {false, true}) {
    wire::Frame frame;
    frame.code = static_cast<std::uint16_t>(wire::Command::kSealMessage);
    frame.id = 7;
    proto::SealMessageRequest request;
    request.mutable_key()->set_token("token");
    request.set_header("header");
    if (rich) {
      frame.position = Bytes(65, 1);
      frame.client_id = wire::ClientId{};
      frame.segments.push_back(SecretBuffer::CopyOf(AsBytes("secret")).value());
    }
    secret::SecretBytes bytes;
    Require(wire::FrameCodec::Encode(frame, request, bytes).ok());
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  return seeds;
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  wire::Frame frame;
  const auto used = wire::FrameCodec::Decode(ByteView(data, size), frame);
  if (!used.ok() || *used == 0) return 0;
  fuzz::Require(*used <= size);
  proto::SealMessageRequest request;
  (void)wire::ParseMessage(frame, request);
  return 0;
}
