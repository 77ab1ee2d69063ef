#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace strongroom {

/// Everything asynchronous runs on an io_context and is one loop's for life. The executor's concrete type is named
/// here because the type-erased one costs a quarter of the throughput (DESIGN section 5).
using Loop = boost::asio::io_context;
using LoopExecutor = Loop::executor_type;

/// A coroutine on a loop. GCC 12: never write a braced aggregate or a lambda with by-value captures inside a co_await
/// expression; name it first and move it in (it would be destroyed twice).
template <typename T>
using Task = boost::asio::awaitable<T, LoopExecutor>;

}  // namespace strongroom
