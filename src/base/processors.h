#pragma once

namespace strongroom {

/// How many processors this process may run on: at least 1. Unlike std::thread::hardware_concurrency, which with
/// glibc 2.35 and later counts those of the machine, it honours `taskset` and a container's cpuset
/// (sched_getaffinity(2)).
unsigned UsableProcessors() noexcept;

}  // namespace strongroom
