#include "hsm/session/worker_pool.h"

namespace strongroom::hsm {
namespace {

constexpr std::chrono::milliseconds kLongestHold{2};

}  // namespace

void WorkerPool::Answers::Add(Loop* loop, Delivery delivery) {
  if (!delivery) return;
  if (loop != loop_) Post();
  if (deliveries_.empty()) since_ = std::chrono::steady_clock::now();
  loop_ = loop;
  deliveries_.push_back(std::move(delivery));
}

bool WorkerPool::Answers::Due(const std::deque<Job>& waiting) const {
  if (deliveries_.empty()) return false;
  // With more to do than is held, the workers do not wait for what the answers' readers ask next.
  return waiting.size() <= deliveries_.size() || waiting.front().pace == Pace::kLong ||
         std::chrono::steady_clock::now() - since_ >= kLongestHold;
}

void WorkerPool::Answers::Post() {
  if (deliveries_.empty()) return;
  boost::asio::post(loop_->get_executor(), [deliveries = std::exchange(deliveries_, {})] {
    for (const Delivery& deliver : deliveries) deliver();
  });
}

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::RunDetached(std::function<void()> work) {
  (void)Enqueue({nullptr, Pace::kLong, [work = std::move(work)](bool run) -> Delivery {
                   if (run) work();
                   return {};
                 }});
}

void WorkerPool::Stop() {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
  Answers answers;
  for (Job& job : dropped) answers.Add(job.loop, job.work(false));
  answers.Post();
}

Status WorkerPool::Enqueue(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error(Errc::kCancelled, "The HSM is stopping.");
    if (queue_.size() >= max_queued_) return Error(Errc::kThrottled, "The HSM has too much of this work waiting.");
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

void WorkerPool::Work() {
  Answers answers;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      if (answers.Due(queue_)) {
        lock.unlock();
        answers.Post();
        lock.lock();
      }
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    answers.Add(job.loop, job.work(true));
  }
}

}  // namespace strongroom::hsm
