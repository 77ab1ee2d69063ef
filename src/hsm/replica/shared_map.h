#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace strongroom::hsm::replica {

/// An ordered map whose copies share what is the same in them: a copy costs one reference count per kMostInChunk
/// entries, and a change to it copies one chunk. So a state of many keys can be copied for a change that is not certain
/// yet.
///
/// Threads   one loop, copies included.
template <typename Key, typename Value>
class SharedMap {
  using Chunk = std::vector<std::pair<Key, Value>>;  // in order, never empty
  using Chunks = std::vector<std::shared_ptr<Chunk>>;

 public:
  static constexpr std::size_t kMostInChunk = 64;

  /// Valid until the map changes.
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::pair<Key, Value>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    const_iterator(const Chunks& chunks, std::size_t chunk, std::size_t at)
        : chunks_(&chunks), chunk_(chunk), at_(at) {}
    reference operator*() const { return (*(*chunks_)[chunk_])[at_]; }
    pointer operator->() const { return &**this; }
    const_iterator& operator++() {
      if (++at_ == (*chunks_)[chunk_]->size()) {
        ++chunk_;
        at_ = 0;
      }
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const const_iterator&, const const_iterator&) = default;

   private:
    const Chunks* chunks_ = nullptr;
    std::size_t chunk_ = 0, at_ = 0;
  };

  const_iterator begin() const { return {chunks_, 0, 0}; }
  const_iterator end() const { return {chunks_, chunks_.size(), 0}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  const_iterator find(const Key& key) const {
    const const_iterator at = lower_bound(key);
    return at != end() && !(key < at->first) ? at : end();
  }
  bool contains(const Key& key) const { return find(key) != end(); }
  /// The first entry whose key is not less.
  const_iterator lower_bound(const Key& key) const {
    if (chunks_.empty()) return end();
    return At(ChunkOf(key), key, [](const auto& entry, const Key& k) { return entry.first < k; });
  }
  /// The first entry whose key is greater.
  const_iterator upper_bound(const Key& key) const {
    if (chunks_.empty()) return end();
    return At(ChunkOf(key), key, [](const auto& entry, const Key& k) { return !(k < entry.first); });
  }

  /// Adds an entry, or replaces the value of the one with this key.
  void Put(const Key& key, Value value) {
    if (chunks_.empty()) chunks_.push_back(std::make_shared<Chunk>());
    const std::size_t number = ChunkOf(key);
    Chunk& chunk = Own(number);
    const auto at =
        std::ranges::lower_bound(chunk, key, {}, [](const auto& entry) -> const Key& { return entry.first; });
    if (at != chunk.end() && !(key < at->first)) {
      at->second = std::move(value);
      return;
    }
    ++size_;
    // Keys mostly come in order, and then all chunks but the last are full.
    const bool last = number + 1 == chunks_.size() && at == chunk.end();
    if (chunk.size() < kMostInChunk) {
      chunk.emplace(at, key, std::move(value));
    } else if (last) {
      chunks_.push_back(std::make_shared<Chunk>());
      chunks_.back()->emplace_back(key, std::move(value));
    } else {
      const auto middle = chunk.begin() + kMostInChunk / 2;
      auto upper = std::make_shared<Chunk>(std::make_move_iterator(middle), std::make_move_iterator(chunk.end()));
      const std::size_t offset = static_cast<std::size_t>(at - chunk.begin());
      chunk.erase(middle, chunk.end());
      Chunk& half = offset <= chunk.size() ? chunk : *upper;
      const std::size_t inside = offset <= chunk.size() ? offset : offset - chunk.size();
      half.emplace(half.begin() + static_cast<std::ptrdiff_t>(inside), key, std::move(value));
      chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(number) + 1, std::move(upper));
    }
  }

  /// How many entries went: 0 or 1.
  std::size_t erase(const Key& key) {
    if (!contains(key)) return 0;
    const std::size_t number = ChunkOf(key);
    Chunk& chunk = Own(number);
    chunk.erase(std::ranges::lower_bound(chunk, key, {}, [](const auto& entry) -> const Key& { return entry.first; }));
    if (chunk.empty()) chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(number));
    --size_;
    return 1;
  }

 private:
  /// Where the key is, or would be put.
  std::size_t ChunkOf(const Key& key) const {
    const auto after = std::upper_bound(chunks_.begin(), chunks_.end(), key, [](const Key& k, const auto& chunk) {
      return !chunk->empty() && k < chunk->front().first;
    });
    return after == chunks_.begin() ? 0 : static_cast<std::size_t>(after - chunks_.begin()) - 1;
  }
  template <typename Before>
  const_iterator At(std::size_t number, const Key& key, Before before) const {
    const Chunk& chunk = *chunks_[number];
    const auto at = std::lower_bound(chunk.begin(), chunk.end(), key, before);
    if (at == chunk.end()) return {chunks_, number + 1, 0};
    return {chunks_, number, static_cast<std::size_t>(at - chunk.begin())};
  }
  Chunk& Own(std::size_t number) {
    std::shared_ptr<Chunk>& chunk = chunks_[number];
    if (chunk.use_count() > 1) {
      auto mine = std::make_shared<Chunk>();
      mine->reserve(kMostInChunk);
      mine->assign(chunk->begin(), chunk->end());
      chunk = std::move(mine);
    }
    return *chunk;
  }

  Chunks chunks_;
  std::size_t size_ = 0;
};

}  // namespace strongroom::hsm::replica
