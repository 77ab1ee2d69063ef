#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "base/task.h"

namespace strongroom::aws {

/// Lets the coroutines of one loop go on step by step: who waits for its turn is resumed, one right after another, when
/// what is ready now has been done. One post serves them all.
///
/// Threads   its loop.
/// Lifetime  those who wait belong to the loop, and go with it.
class Turns {
 public:
  auto Next(const LoopExecutor& executor) {
    auto wait = [this, executor](Resume resume) {
      std::shared_ptr<Batch> batch = waiting_.lock();
      if (!batch) {
        batch = std::make_shared<Batch>();
        batch->reserve(kUsual);
        waiting_ = batch;
        boost::asio::post(executor, [this, batch] {
          waiting_.reset();
          for (Resume& one : *batch) std::move(one)();
        });
      }
      batch->push_back(std::move(resume));
    };
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(std::move(wait), boost::asio::deferred);
  }

 private:
  using Resume = boost::asio::detail::awaitable_async_op_handler<void(), LoopExecutor>;
  using Batch = std::vector<Resume>;
  static constexpr std::size_t kUsual = 64;

  std::weak_ptr<Batch> waiting_;
};

}  // namespace strongroom::aws
