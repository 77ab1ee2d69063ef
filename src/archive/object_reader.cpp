#include "archive/object_reader.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "archive/expecting_cmm.h"
#include "archive/interruption.h"
#include "archive/packer.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {
namespace {

constexpr std::uint64_t kBufferBudget = std::uint64_t{160} << 20;
constexpr unsigned kMostThreads = 4;

/// Whether the message itself is at fault, and not the way to it.
bool IsDamage(const Error& error) {
  const auto code = encryption_sdk::CodeOf(error);
  return code && *code != encryption_sdk::ErrorCode::kNoDataKey;
}

}  // namespace

Status ObjectReader::Fetch(std::uint64_t object, PlainBuffer& into) const {
  SR_TRY(const ObjectFacts facts, objects_.At(object));
  const std::string name = prefix_ + facts.name;
  const auto damaged = [&](std::string_view what) {
    if (what.ends_with('.')) what.remove_suffix(1);
    return Error(Errc::kCorrupted, fmt::format("The object {} {}.", name, what));
  };
  if (facts.plaintext_bytes > kLargestObject)
    return Error(Errc::kUnsupported, fmt::format("The object {} is larger than this program reads.", name));
  const std::span<std::uint8_t> room = into.Resize(static_cast<std::size_t>(facts.plaintext_bytes));
  std::size_t used = 0;
  ExpectingCmm cmm(cmm_, {.context = expected_, .nothing_else = true, .data_keys = facts.data_key});
  SR_TRY(auto decryptor, encryption_sdk::Decryptor::Start(cmm, {}, [&](ByteView plain) -> Status {
           if (plain.size() > room.size() - used) return damaged("has more in it than the manifest says");
           std::copy(plain.begin(), plain.end(), room.begin() + static_cast<std::ptrdiff_t>(used));
           used += plain.size();
           return {};
         }));
  const auto got = store_.Get(name, std::nullopt, [&](ByteView bytes) -> Status {
    SR_CHECK(Interruption::Check());
    return decryptor.Write(bytes);
  });
  if (!got.ok() && got.error().code() == Errc::kNotFound && !encryption_sdk::CodeOf(got.error()))
    return damaged("is missing");
  if (!got.ok() && IsDamage(got.error())) return damaged("was altered: " + got.error().public_message());
  if (!got.ok()) return got.error();
  const auto message = decryptor.Finish();
  if (!message.ok() && IsDamage(message.error())) return damaged("was altered: " + message.error().public_message());
  if (!message.ok()) return message.error();
  const auto same = [](ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
  if (!same(message->header.message_id, facts.message_id) || !same(message->header.suite_data, facts.commitment) ||
      message->tags_digest != facts.tags_digest || message->plaintext_bytes != facts.plaintext_bytes ||
      message->message_bytes != facts.stored_bytes)
    return damaged("is another one than the manifest names");
  return {};
}

unsigned ReadThreads(const ObjectTable& objects) {
  const std::uint64_t largest = std::max<std::uint64_t>(objects.largest_plaintext_bytes(), 1);
  return static_cast<unsigned>(std::clamp<std::uint64_t>(kBufferBudget / largest, 1, kMostThreads));
}

Status InParallel(std::uint64_t count, unsigned threads,
                  const std::function<Status(std::uint64_t, PlainBuffer&)>& work) {
  return InOrder(count, threads, work, nullptr);
}

Status InOrder(std::uint64_t count, unsigned threads, const std::function<Status(std::uint64_t, PlainBuffer&)>& prepare,
               const std::function<Status(std::uint64_t, ByteView)>& consume) {
  std::mutex mutex;
  std::condition_variable turn_came;
  std::uint64_t next = 0, turn = 0;
  std::optional<Error> failed;
  const auto work = [&] {
    PlainBuffer buffer;
    for (;;) {
      std::uint64_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (failed || next == count) return;
        mine = next++;
      }
      Status status = prepare(mine, buffer);
      if (consume) {
        std::unique_lock lock(mutex);
        turn_came.wait(lock, [&] { return turn == mine || failed; });
        if (failed) return;
        if (status.ok()) {
          lock.unlock();
          status = consume(mine, buffer.view());
          lock.lock();
        }
        ++turn;
        if (!status.ok()) failed = status.error();
      } else if (!status.ok()) {
        const std::lock_guard lock(mutex);
        if (!failed) failed = status.error();
      }
      turn_came.notify_all();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < std::min<std::uint64_t>(threads, count); ++i) workers.emplace_back(work);
    work();
  }
  if (failed) return *failed;
  return {};
}

}  // namespace strongroom::archive
