#include "aws/dispatch/request_id.h"

#include <sodium.h>

#include <array>
#include <cstdint>

namespace strongroom::aws {

std::string NewRequestId() {
  struct Stock {
    std::array<std::uint8_t, 1024> bytes;
    std::size_t used = sizeof bytes;
  };
  thread_local Stock stock;
  if (stock.used == stock.bytes.size()) {
    randombytes_buf(stock.bytes.data(), stock.bytes.size());
    stock.used = 0;
  }
  const std::uint8_t* at = stock.bytes.data() + stock.used;
  stock.used += 16;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id(36, '-');
  std::size_t to = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint8_t byte = at[i];
    if (i == 6) byte = static_cast<std::uint8_t>((byte & 0x0f) | 0x40);
    if (i == 8) byte = static_cast<std::uint8_t>((byte & 0x3f) | 0x80);
    if (i == 4 || i == 6 || i == 8 || i == 10) ++to;
    id[to++] = kDigits[byte >> 4];
    id[to++] = kDigits[byte & 15];
  }
  return id;
}

}  // namespace strongroom::aws
