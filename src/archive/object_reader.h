#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "aws_client/object_store.h"
#include "encryption_sdk/decryptor.h"

namespace strongroom::archive {

/// Room for one object's plaintext, used again for the next one.
class PlainBuffer {
 public:
  /// What was there is lost; the new bytes have no value yet.
  std::span<std::uint8_t> Resize(std::size_t bytes) {
    if (bytes > capacity_) {
      room_.reset();
      room_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
      capacity_ = bytes;
    }
    size_ = bytes;
    return {room_.get(), size_};
  }
  ByteView view() const noexcept { return {room_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> room_;
  std::size_t size_ = 0, capacity_ = 0;
};

/// Reads data objects of one snapshot.
/// Threads  any number at once.
class ObjectReader {
 public:
  ObjectReader(aws_client::ObjectStore& store, std::string prefix, encryption_sdk::Cmm& cmm,
               encryption_sdk::EncryptionContext expected, const ObjectTable& objects)
      : store_(store), prefix_(std::move(prefix)), cmm_(cmm), expected_(std::move(expected)), objects_(objects) {}

  /// The whole plaintext, once the message has proved to be the one that the manifest names. KMS is asked only for
  /// data keys that the manifest names.
  /// Errors: kCorrupted when it is missing, altered or another one, which names the object; others as of store and KMS.
  Status Fetch(std::uint64_t object, PlainBuffer& into) const;

 private:
  aws_client::ObjectStore& store_;
  const std::string prefix_;
  encryption_sdk::Cmm& cmm_;
  const encryption_sdk::EncryptionContext expected_;
  const ObjectTable& objects_;
};

/// How many objects to hold at once: bounded by memory (160 MiB) and four.
unsigned ReadThreads(const ObjectTable& objects);

/// Calls `work(i)` for i = 0..count-1 on `threads` threads, each with a buffer of its own; the first error stops all.
Status InParallel(std::uint64_t count, unsigned threads,
                  const std::function<Status(std::uint64_t i, PlainBuffer& buffer)>& work);
/// The same, where `prepare` runs in parallel and `consume` in order, one at a time.
Status InOrder(std::uint64_t count, unsigned threads,
               const std::function<Status(std::uint64_t i, PlainBuffer& buffer)>& prepare,
               const std::function<Status(std::uint64_t i, ByteView plaintext)>& consume);

}  // namespace strongroom::archive
