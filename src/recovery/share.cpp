#include "recovery/share.h"

#include <fmt/format.h>
#include <sodium.h>
extern "C" {  // which the library's header does not say
#include <libgfshare.h>
}

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace strongroom::recovery {
namespace {

constexpr std::string_view kBegin = "-----BEGIN STRONGROOM RECOVERY SHARE-----\n";
constexpr std::string_view kEnd = "-----END STRONGROOM RECOVERY SHARE-----";
constexpr std::string_view kChecksum = "Checksum: ";
constexpr std::size_t kLargestSecret = 8 * 1024;
constexpr std::size_t kLineBytes = 48;  // 64 characters of base64

struct FreeContext {
  void operator()(gfshare_ctx* context) const noexcept { gfshare_ctx_free(context); }
};
using Context = std::unique_ptr<gfshare_ctx, FreeContext>;

// The library cannot be told that there is no randomness, and a share made without it would be the secret.
extern "C" void FillRandom(unsigned char* to, unsigned int count) {
  if (!crypto::Random({to, count}).ok()) std::abort();
}

Error NotAShare(std::string_view what) {
  return Error(Errc::kInvalidArgument, fmt::format("This is not a share of a recovery key: {}.", what));
}

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// "Name: value" lines in a fixed order.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  Result<std::string_view> Value(std::string_view name) {
    SR_TRY(const std::string_view line, Next());
    if (!line.starts_with(name) || line.substr(name.size(), 2) != ": ")
      return NotAShare(fmt::format("the line {} is missing", name));
    return line.substr(name.size() + 2);
  }
  Result<unsigned> Number(std::string_view name) {
    SR_TRY(const std::string_view text, Value(name));
    unsigned number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size() || number == 0 || number > 255)
      return NotAShare(fmt::format("{} is not a number of 1 to 255", name));
    return number;
  }
  Result<std::string_view> Next() {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) return NotAShare("it is cut short");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::size_t Put(std::span<std::uint8_t> room, std::size_t at, std::string_view text) {
  std::memcpy(room.data() + at, text.data(), text.size());
  return at + text.size();
}

// Only the head of the text is not secret, so the rest is written in place.
std::size_t WriteText(std::span<std::uint8_t> room, std::string_view head, ByteView data) {
  std::size_t at = Put(room, 0, kBegin);
  const std::size_t covered = at;
  at = Put(room, at, head);
  for (std::size_t from = 0; from < data.size(); from += kLineBytes) {
    const std::size_t count = std::min(kLineBytes, data.size() - from);
    sodium_bin2base64(reinterpret_cast<char*>(room.data() + at), room.size() - at, data.data() + from, count,
                      sodium_base64_VARIANT_ORIGINAL);
    at += sodium_base64_ENCODED_LEN(count, sodium_base64_VARIANT_ORIGINAL) - 1;  // it counts the final zero
    at = Put(room, at, "\n");
  }
  const auto checksum = crypto::Sha256(ByteView(room).subspan(covered, at - covered));
  at = Put(room, at, kChecksum);
  at = Put(room, at, Hex(checksum));
  at = Put(room, at, "\n");
  at = Put(room, at, kEnd);
  return Put(room, at, "\n");
}

}  // namespace

Result<std::vector<SecretBuffer>> ShareCodec::Split(const SecretBuffer& secret, const std::string& key, unsigned needed,
                                                    unsigned of) {
  if (needed < 2 || of < needed || of > kMostShares)
    return Error(
        Errc::kInvalidArgument,
        fmt::format("Write K/N for the shares: at least 2 of at most {} are needed, and no more than there are.",
                    kMostShares));
  if (secret.empty() || secret.size() > kLargestSecret)
    return Error(Errc::kInvalidArgument, "A secret of this size cannot be shared.");
  std::array<unsigned char, kMostShares> numbers{};
  for (unsigned i = 0; i < of; ++i) numbers[i] = static_cast<unsigned char>(i + 1);
  gfshare_fill_rand = &FillRandom;
  const auto size = static_cast<unsigned>(secret.size());
  const Context context(gfshare_ctx_init_enc(numbers.data(), of, static_cast<unsigned char>(needed), size));
  if (!context) return Error(Errc::kResourceExhausted, "There is not enough memory to share the secret.");
  SR_TRY(const SecretBuffer copy, secret.Clone());
  gfshare_ctx_enc_setsecret(context.get(), const_cast<unsigned char*>(copy.Reveal(KeyAccess()).data()));
  std::array<std::uint8_t, 16> drawn{};
  SR_CHECK(crypto::Random(drawn));
  const std::string set = Hex(drawn);
  std::vector<SecretBuffer> texts;
  for (unsigned i = 0; i < of; ++i) {
    SR_TRY(const SecretBuffer data, SecretBuffer::Produce(size, [&](std::span<std::uint8_t> room) {
             gfshare_ctx_enc_getshare(context.get(), static_cast<unsigned char>(i), room.data());
             return room.size();
           }));
    const std::string head =
        fmt::format("Version: 1\nSet: {}\nKey: {}\nShare: {}\nNeeded: {}\nOf: {}\n\n", set, key, i + 1, needed, of);
    SR_TRY(SecretBuffer text,
           SecretBuffer::Produce(1024 + head.size() + secret.size() * 3 / 2, [&](std::span<std::uint8_t> room) {
             return WriteText(room, head, data.Reveal(KeyAccess()));
           }));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<Share> ShareCodec::Parse(const SecretBuffer& text) {
  std::string_view whole = AsText(text.Reveal(KeyAccess()));
  const auto begin = whole.find(kBegin);
  if (begin == std::string_view::npos) return NotAShare("it does not begin as one");
  whole.remove_prefix(begin + kBegin.size());
  const auto sum = whole.find(kChecksum);
  if (sum == std::string_view::npos) return NotAShare("it has no checksum");
  Lines lines(whole);
  SR_TRY(const std::string_view version, lines.Value("Version"));
  if (version != "1") return Error(Errc::kUnsupported, "This share has a version that this program does not know.");
  const std::string_view given = whole.substr(sum + kChecksum.size());
  const std::string expected = Hex(crypto::Sha256(AsBytes(whole.substr(0, sum))));
  if (given.size() < expected.size() + 1 + kEnd.size() || given.substr(0, expected.size()) != expected ||
      !given.substr(expected.size() + 1).starts_with(kEnd))
    return Error(Errc::kCorrupted, "The share's checksum is wrong: it was changed or is cut short.");
  Share share;
  SR_TRY(const std::string_view set, lines.Value("Set"));
  SR_TRY(const std::string_view key, lines.Value("Key"));
  SR_TRY(share.number, lines.Number("Share"));
  SR_TRY(share.needed, lines.Number("Needed"));
  SR_TRY(share.of, lines.Number("Of"));
  SR_TRY(const std::string_view blank, lines.Next());
  if (!IsHex(set, 32) || !IsHex(key, 64) || !blank.empty() || share.needed < 2 || share.number > share.of ||
      share.needed > share.of)
    return NotAShare("its lines contradict each other");
  share.set = set;
  share.key = key;
  const std::string_view body = lines.rest().substr(0, lines.rest().find(kChecksum));
  SR_TRY(share.data, SecretBuffer::Produce(body.size() + 1, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
           std::size_t used = 0;
           if (sodium_base642bin(room.data(), room.size(), body.data(), body.size(), "\n", &used, nullptr,
                                 sodium_base64_VARIANT_ORIGINAL) != 0)
             return NotAShare("its data is not base64");
           return used;
         }));
  if (share.data.empty() || share.data.size() > kLargestSecret) return NotAShare("its data has an impossible size");
  return share;
}

Result<SecretBuffer> ShareCodec::Join(const std::vector<Share>& shares) {
  const auto refuse = [](std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); };
  if (shares.empty()) return refuse("No share was given.");
  const Share& first = shares.front();
  std::vector<unsigned char> numbers;
  std::set<unsigned> seen;
  for (const Share& share : shares) {
    if (share.set != first.set || share.needed != first.needed || share.of != first.of || share.key != first.key)
      return refuse(fmt::format("Share {} of set {} and share {} of set {} do not belong together.", first.number,
                                first.set.substr(0, 8), share.number, share.set.substr(0, 8)));
    if (share.data.size() != first.data.size())
      return refuse(fmt::format("Share {} has another length than share {}.", share.number, first.number));
    if (!seen.insert(share.number).second) return refuse(fmt::format("Share {} was given twice.", share.number));
    numbers.push_back(static_cast<unsigned char>(share.number));
  }
  if (shares.size() < first.needed)
    return refuse(fmt::format("{} shares of set {} are needed, and {} {} given.", first.needed, first.set.substr(0, 8),
                              shares.size(), shares.size() == 1 ? "was" : "were"));
  gfshare_fill_rand = &FillRandom;  // with which it overwrites its buffers
  const auto size = static_cast<unsigned>(first.data.size());
  const Context context(gfshare_ctx_init_dec(numbers.data(), static_cast<unsigned>(numbers.size()), size));
  if (!context) return Error(Errc::kResourceExhausted, "There is not enough memory to join the shares.");
  for (std::size_t i = 0; i < shares.size(); ++i)
    gfshare_ctx_dec_giveshare(context.get(), static_cast<unsigned char>(i),
                              const_cast<unsigned char*>(shares[i].data.Reveal(KeyAccess()).data()));
  return SecretBuffer::Produce(size, [&](std::span<std::uint8_t> room) {
    gfshare_ctx_dec_extract(context.get(), room.data());
    return room.size();
  });
}

}  // namespace strongroom::recovery
