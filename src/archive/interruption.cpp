#include "archive/interruption.h"

#include <atomic>

namespace strongroom::archive {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<bool> came = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void Note(int) { came.store(true, std::memory_order_relaxed); }

}  // namespace

Interruption::Interruption() {
  came = false;
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = &Note;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    if (before_[i].sa_handler == SIG_DFL) ::sigaction(kSignals[i], &before_[i], nullptr);
}

Status Interruption::Check() {
  if (!came.load(std::memory_order_relaxed)) return {};
  return Error(Errc::kCancelled, "It was interrupted.");
}

}  // namespace strongroom::archive
