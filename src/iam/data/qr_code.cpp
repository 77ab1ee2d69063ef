#include "iam/data/qr_code.h"

#include <openssl/crypto.h>
#include <png.h>
#include <qrencode.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/totp.h"

namespace strongroom::iam {
namespace {

constexpr int kQuiet = 4;   // modules around it. Source: ISO/IEC 18004
constexpr int kPixels = 4;  // of a module

struct FreeCode {
  void operator()(QRcode* code) const {
    OPENSSL_cleanse(code->data, static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width));
    QRcode_free(code);
  }
};

/// The path of a URI: what is not unreserved, nor the "@" between the names, by its bytes in hex.
std::string Escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

/// One byte a pixel. Whoever has the picture has the seed, so what is ours of it is wiped; libpng's and libqrencode's
/// own buffers are not, and what they hold goes to the caller anyway.
struct Pixels {
  explicit Pixels(const QRcode& code)
      : side((code.width + 2 * kQuiet) * kPixels), gray(static_cast<std::size_t>(side) * side, 255) {
    for (int y = 0; y < code.width * kPixels; ++y) {
      for (int x = 0; x < code.width * kPixels; ++x) {
        if ((code.data[y / kPixels * code.width + x / kPixels] & 1) == 0) continue;
        gray[static_cast<std::size_t>((y + kQuiet * kPixels) * side + x + kQuiet * kPixels)] = 0;
      }
    }
  }
  Pixels(const Pixels&) = delete;
  Pixels& operator=(const Pixels&) = delete;
  ~Pixels() { OPENSSL_cleanse(gray.data(), gray.size()); }

  int side;
  std::vector<std::uint8_t> gray;
};

Result<SecretBuffer> Png(const Pixels& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = static_cast<png_uint_32>(pixels.side);
  image.format = PNG_FORMAT_GRAY;
  return SecretBuffer::Produce(PNG_IMAGE_PNG_SIZE_MAX(image), [&](std::span<std::uint8_t> to) -> Result<std::size_t> {
    png_alloc_size_t size = to.size();
    if (png_image_write_to_memory(&image, to.data(), &size, 0, pixels.gray.data(), 0, nullptr) == 0)
      return Error(Errc::kInternal, "The QR code cannot be drawn.").WithDetail(image.message);
    return std::size_t{size};
  });
}

}  // namespace

Result<SecretBuffer> TotpQrCode(std::string_view device, std::string_view account, const SecretBuffer& seed) {
  const std::string begin = "otpauth://totp/" + Escaped(device) + "@" + Escaped(account) + "?secret=";
  SecretBuffer png;
  SR_CHECK(crypto::WithTotpText(begin, seed, [&png](const char* uri) -> Status {
    // With version 0 the smallest code that has room.
    const std::unique_ptr<QRcode, FreeCode> code(QRcode_encodeString(uri, 0, QR_ECLEVEL_L, QR_MODE_8, 1));
    if (!code) return Error(Errc::kInternal, "The QR code cannot be made.");
    SR_TRY(png, Png(Pixels(*code)));
    return {};
  }));
  return png;
}

}  // namespace strongroom::iam
