#include "archive/stored_objects.h"

#include <cstring>

namespace strongroom::archive {
namespace {

constexpr std::size_t kNameBytes = 16, kRowBytes = kNameBytes + 8;
constexpr std::size_t kMostAtOnce = 1000;

struct Expected {
  std::string name;
  std::uint64_t stored_bytes = 0;
};

/// The order of the names' bytes is that of their hex digits, and so of the listing.
Result<std::optional<Expected>> Next(RecordSorter& sorter) {
  SR_TRY(const auto row, sorter.Next());
  if (!row) return std::optional<Expected>();
  Expected expected{.name = Hex(row->first(kNameBytes))};
  std::memcpy(&expected.stored_bytes, row->data() + kNameBytes, sizeof expected.stored_bytes);
  return std::optional(std::move(expected));
}

}  // namespace

Status StoredObjects::Expect(const ObjectFacts& facts) {
  const PackedFacts packed = Pack(facts);
  std::array<std::uint8_t, kRowBytes> row;
  std::copy_n(packed.begin(), kNameBytes, row.begin());
  std::memcpy(row.data() + kNameBytes, &facts.stored_bytes, sizeof facts.stored_bytes);
  return expected_.Add(row);
}

Status StoredObjects::Compare(aws_client::ObjectStore& store, const std::string& prefix, const Lost& lost,
                              const Unknown& unknown) {
  if (expected_.size() == 0 && !unknown) return {};
  SR_CHECK(expected_.Sort());
  SR_TRY(auto next, Next(expected_));
  std::string after;
  for (bool more = true; more && (next || unknown);) {
    SR_TRY(const aws_client::ObjectPage page, store.List(prefix, after));
    for (const aws_client::ObjectInfo& object : page.objects) {
      const std::string_view name = std::string_view(object.name).substr(prefix.size());
      while (next && next->name < name) {
        SR_CHECK(lost(next->name, "is missing"));
        SR_TRY(next, Next(expected_));
      }
      if (unknown && (!next || next->name != name)) unknown(object.name);
      while (next && next->name == name) {
        if (object.size != next->stored_bytes)
          SR_CHECK(lost(next->name, fmt::format("has {} bytes in place of {}", object.size, next->stored_bytes)));
        SR_TRY(next, Next(expected_));
      }
    }
    more = page.more && !page.objects.empty();
    if (more) after = page.objects.back().name;
  }
  while (next) {
    SR_CHECK(lost(next->name, "is missing"));
    SR_TRY(next, Next(expected_));
  }
  return {};
}

Status DeleteObjects(aws_client::ObjectStore& store, const std::string& prefix, const TempTable& names) {
  std::vector<std::string> batch;
  const auto send = [&]() -> Status {
    if (batch.empty()) return {};
    SR_CHECK(store.Delete(batch));
    batch.clear();
    return {};
  };
  SR_CHECK(names.ForEach([&](ByteView name, ByteView) -> Status {
    batch.push_back(prefix + Hex(name));
    return batch.size() < kMostAtOnce ? Status() : send();
  }));
  return send();
}

}  // namespace strongroom::archive
