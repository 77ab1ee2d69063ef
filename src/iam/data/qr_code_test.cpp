#include "iam/data/qr_code.h"

#include <gtest/gtest.h>
#include <png.h>
#include <qrencode.h>

#include <memory>
#include <vector>

#include "aws/dispatch/reply_writer.h"
#include "crypto/totp.h"

namespace strongroom::iam {
namespace {

/// What a reply shows of a secret.
Bytes Shown(SecretBuffer secret) {
  aws::Reply reply;
  reply.Secret("x", std::move(secret));
  aws::WipedBuffer out;
  aws::ReplyWriter::Json(reply, out);
  const std::string json(out.view());
  const auto bytes = FromBase64(json.substr(6, json.size() - 8));
  EXPECT_TRUE(bytes.ok()) << json;
  return bytes.ok() ? *bytes : Bytes();
}

struct Row {
  std::string name, device, account, path;
};
const Row kRows[] = {
    {"WithAlias", "anna", "example-corp", "anna@example-corp"},
    {"WithNumber", "anna", "111122223333", "anna@111122223333"},
    {"WithSigns", "a+b=c,d@e", "111122223333", "a%2Bb%3Dc%2Cd%40e@111122223333"},
    {"Longest", std::string(226, 'n'), std::string(63, 'a'), std::string(226, 'n') + "@" + std::string(63, 'a')},
};

class QrCode : public ::testing::TestWithParam<Row> {};

TEST_P(QrCode, IsTheUrisWithAQuietZone) {
  const auto seed = crypto::NewTotpSeed();
  ASSERT_TRUE(seed.ok());
  auto typed = crypto::TotpSeedText(*seed);
  ASSERT_TRUE(typed.ok());
  const Bytes letters = Shown(*std::move(typed));
  const std::string uri = "otpauth://totp/" + GetParam().path + "?secret=" + std::string(AsText(letters));
  const std::unique_ptr<QRcode, void (*)(QRcode*)> want(QRcode_encodeString(uri.c_str(), 0, QR_ECLEVEL_L, QR_MODE_8, 1),
                                                        &QRcode_free);
  ASSERT_NE(want, nullptr);
  auto made = TotpQrCode(GetParam().device, GetParam().account, *seed);
  ASSERT_TRUE(made.ok()) << made.error();
  const Bytes png = Shown(*std::move(made));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_memory(&image, png.data(), png.size()), 0) << image.message;
  image.format = PNG_FORMAT_GRAY;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  const int modules = want->width + 8;
  ASSERT_EQ(image.width, image.height);
  ASSERT_EQ(image.width % static_cast<unsigned>(modules), 0U);
  const int scale = static_cast<int>(image.width) / modules;
  EXPECT_GE(scale, 3);
  for (int y = 0; y < modules; ++y) {
    for (int x = 0; x < modules; ++x) {
      const int row = y - 4, column = x - 4;
      const bool inside = row >= 0 && column >= 0 && row < want->width && column < want->width;
      const bool dark = inside && (want->data[row * want->width + column] & 1) != 0;
      const auto at =
          static_cast<std::size_t>((y * scale + scale / 2) * static_cast<int>(image.width) + x * scale + scale / 2);
      ASSERT_EQ(pixels[at], dark ? 0 : 255) << x << " " << y;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Names, QrCode, ::testing::ValuesIn(kRows),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace strongroom::iam
