// Runs a target on inputs made from its seeds by chance, where the compiler has no libFuzzer (GCC). The same --seed
// makes the same inputs. The input at work is kept in a file while it is worked on, so that a crash leaves it behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "fuzz/target.h"

namespace strongroom::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kLongest = 64 * 1024;

class Mutator {
 public:
  Mutator(std::vector<Bytes> seeds, std::uint64_t seed) : seeds_(std::move(seeds)), random_(seed) {}

  Bytes Next() {
    Bytes input = seeds_[Below(seeds_.size())];
    for (std::size_t changes = 1 + Below(6); changes > 0; --changes) Change(input);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  std::size_t Below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  void Change(Bytes& input) {
    const std::size_t at = Below(input.size() + 1);
    const auto here = input.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t rest = input.size() - at, some = Below(std::min<std::size_t>(rest, 64) + 1);
    switch (Below(8)) {
      case 0:
        if (rest > 0) *here ^= static_cast<std::uint8_t>(1u << Below(8));
        break;
      case 1:
        if (rest > 0) *here = kTelling[Below(std::size(kTelling))];
        break;
      case 2: input.insert(here, 1 + Below(8), static_cast<std::uint8_t>(random_())); break;
      case 3: input.erase(here, here + static_cast<std::ptrdiff_t>(some)); break;
      case 4: {
        const Bytes copy(here, here + static_cast<std::ptrdiff_t>(some));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(Below(input.size() + 1)), copy.begin(), copy.end());
        break;
      }
      case 5: {  // a number of two, four or eight bytes
        const std::size_t width = std::size_t{2} << Below(3);
        for (std::size_t i = 0; i < width && i < rest; ++i) input[at + i] = kTelling[Below(std::size(kTelling))];
        break;
      }
      case 6: {  // the end of another seed
        const Bytes& other = seeds_[Below(seeds_.size())];
        input.resize(at);
        const std::size_t from = Below(other.size() + 1);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
      default: input.resize(at); break;
    }
  }

  static constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, '"',
                                              '\\', '{',  '[',  '}',  ',',  ':',  '0'};
  std::vector<Bytes> seeds_;
  std::mt19937_64 random_;
};

/// The input at work, in a file that outlives the process.
class Witness {
 public:
  explicit Witness(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(kLongest + sizeof(std::uint64_t))) != 0) return;
    void* const mapped = ::mmap(nullptr, kLongest + sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (mapped != MAP_FAILED) memory_ = static_cast<std::uint8_t*>(mapped);
  }
  bool usable() const { return memory_ != nullptr; }
  void Keep(const Bytes& input) {
    const std::uint64_t size = input.size();
    std::memcpy(memory_, &size, sizeof(size));
    if (size > 0) std::memcpy(memory_ + sizeof(size), input.data(), size);
  }
  /// All went well.
  void Remove() { ::unlink(path_.c_str()); }

 private:
  std::string path_;
  int fd_;
  std::uint8_t* memory_ = nullptr;
};

int Replay(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Bytes content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::uint64_t size = 0;
  if (content.size() < sizeof(size)) return 2;
  std::memcpy(&size, content.data(), sizeof(size));
  if (size > content.size() - sizeof(size)) return 2;
  return LLVMFuzzerTestOneInput(content.data() + sizeof(size), size);
}

}  // namespace
}  // namespace strongroom::fuzz

int main(int argc, char** argv) {
  using namespace strongroom;
  using namespace strongroom::fuzz;
  CLI::App app("Feeds inputs made by chance from good ones to a parser; an input that breaks it is left in a file");
  double seconds = 0;
  std::uint64_t runs = 20'000, seed = 1;
  std::string replay;
  app.add_option("--runs", runs, "inputs to try");
  app.add_option("--seconds", seconds, "try for so long instead");
  app.add_option("--seed", seed, "of the chance");
  app.add_option("--replay", replay, "try the one input that a crash left in this file");
  CLI11_PARSE(app, argc, argv);
  if (!replay.empty()) return Replay(replay);

  const std::string name = std::string(argv[0]).substr(std::string(argv[0]).rfind('/') + 1);
  Witness witness(name + ".crash-" + std::to_string(::getpid()));
  if (!witness.usable()) {
    std::fprintf(stderr, "%s: cannot write in this directory\n", name.c_str());
    return 2;
  }
  const std::vector<Bytes> seeds = Seeds();
  for (const Bytes& input : seeds) {
    witness.Keep(input);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  Mutator mutator(seeds, seed);
  const auto begun = Clock::now();
  std::uint64_t done = 0;
  for (; seconds > 0 ? Clock::now() - begun < std::chrono::duration<double>(seconds) : done < runs; ++done) {
    const Bytes input = mutator.Next();
    witness.Keep(input);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  witness.Remove();
  const double took = std::chrono::duration<double>(Clock::now() - begun).count();
  std::printf("%s: %llu inputs, nothing broke (%.0f a second)\n", name.c_str(), static_cast<unsigned long long>(done),
              static_cast<double>(done) / std::max(took, 1e-9));
  return 0;
}
