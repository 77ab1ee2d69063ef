// Request lines, headers and bodies off the wire, as they come in two parts.
#include "aws/http/request_reader.h"
#include "fuzz/target.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  return {Seed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nX-Amz-Target: TrentService.Encrypt\r\n\r\n{}"),
          Seed("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
          Seed("GET /healthz?x=y HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"),
          Seed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n a: b\r\n\r\n{}")};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  using State = aws::RequestReader::State;
  const std::string_view whole = AsText(ByteView(data, size));
  aws::HttpLimits limits;
  limits.header_bytes = 4096;
  limits.body_bytes = 16 * 1024;
  for (const std::size_t first : {size / 2, size}) {
    std::vector<aws::HttpHeader> headers;
    aws::RequestReader reader(limits, headers);
    aws::WipedBuffer unchunked;
    State state = reader.ReadHeader(whole.substr(0, first));
    if (state == State::kNeedMore) state = reader.ReadHeader(whole);
    if (state == State::kHeaderDone) state = reader.ReadBody(whole, unchunked);
    if (state != State::kDone) continue;
    fuzz::Require(reader.total_bytes() <= size);
    fuzz::Require(reader.body(whole, unchunked).size() <= limits.body_bytes);
  }
  return 0;
}
