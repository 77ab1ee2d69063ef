#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trail/segment/format.h"

namespace strongroom::trail {

/// What a piece of a record is; `n` is told with it (docs/formats.md).
enum class Piece : std::uint8_t {
  kText = 0,     // the group's text number n
  kLiteral = 1,  // n bytes, which follow
  kTime = 2,     // the record's time, "2022-08-10T22:38:27Z"
  kUuid = 3,     // a UUID, whose 16 bytes follow
  kEventId = 4,  // a UUID of version 7 of the record's time and the random part of the UUID before it, last byte xor n
};

/// A text that many records have. It belongs to the GroupWriter that it is first given to.
class SharedText {
 public:
  SharedText() = default;
  explicit SharedText(std::string_view text) : text_(text) {}
  const std::string& text() const noexcept { return text_; }
  void Assign(std::string_view text) {
    text_ = text;
    group_ = 0;
  }

 private:
  friend class GroupWriter;
  std::string text_;
  std::uint64_t group_ = 0;  // in which `number_` says where it is
  std::uint32_t number_ = 0;
};

/// The last of texts that are mostly the same.
class RecentText {
 private:
  friend class GroupWriter;
  SharedText* last_ = nullptr;  // one of the writer's
};

/// Pieces and resources that many records have one behind the other. They belong to the GroupWriter that they are first
/// given to.
class SharedPieces {
 public:
  /// They are to be put anew.
  void Forget() noexcept { group_ = 0; }

 private:
  friend class GroupWriter;
  std::string pieces_, resource_numbers_;
  std::uint32_t resources_ = 0;
  std::uint64_t group_ = 0;  // in which the numbers are right
};

/// Makes groups of records, which stand one behind the other until somebody takes them. A text that has been in the
/// group already costs a byte or two, so a record of a call like the one before it is some forty bytes long.
///
/// Cost      no allocation once the buffers have grown.
/// Threads   one.
class GroupWriter {
 public:
  /// Ends the group that is open.
  /// `spare` is what is written into from now on: an older result, for its memory.
  std::string Take(std::string spare);
  std::size_t bytes() const noexcept { return out_.size(); }

  // One record: Begin, Facts, Resource as often as there are, pieces of its JSON in their order, End.
  void Begin(std::int64_t millis);
  /// The beginning of the facts (trail/record/facts.h), without the resources.
  void Facts(SharedText& facts) { facts_ = Number(facts); }
  void Facts(std::string_view facts) { facts_ = Number(facts); }
  void Resource(SharedText& type, SharedText& name);
  void Text(SharedText& text) { PutPiece(Piece::kText, Number(text)); }
  /// A text that some records before may have had.
  void Text(std::string_view text) { Text(text, unlikely_); }
  /// One that is most likely what the last text given with `recent` was: that is told sooner. `recent` belongs to this
  /// writer, as a SharedText does.
  void Text(std::string_view text, RecentText& recent);
  void Time() { PutPiece(Piece::kTime, 0); }
  /// False, and nothing is written, for what is no UUID in lower-case digits.
  bool Uuid(std::string_view id);
  void EventId(unsigned number) { PutPiece(Piece::kEventId, number); }
  /// What `write` puts by Resource, Text, Time and EventId; it must put the same each time. It is asked once in each
  /// group.
  template <class Write>
  void Pieces(SharedPieces& shared, Write write);
  void End();

 private:
  struct Kept {
    std::size_t hash = 0;
    SharedText text;
  };
  static constexpr std::size_t kKept = 512, kLongestKept = 512;

  std::uint32_t Number(SharedText& text);
  SharedText& Keep(std::string_view text);
  std::uint32_t Number(std::string_view text) { return text.size() > kLongestKept ? Define(text) : Number(Keep(text)); }
  std::uint32_t Define(std::string_view text);
  void PutPiece(Piece piece, std::uint64_t n);
  void CloseGroup();

  std::string out_;
  std::size_t group_at_ = 0;      // where in `out_` the open group begins
  bool open_ = false;             // there is one
  std::uint64_t group_ = 0;       // counts groups
  std::uint32_t texts_ = 0;       // of the open group
  std::uint32_t records_ = 0;     // of the open group
  std::int64_t base_millis_ = 0;  // of the open group
  // The open record.
  std::int64_t millis_ = 0;
  std::uint32_t facts_ = 0, resources_ = 0;
  std::string resource_numbers_, pieces_, head_;
  std::array<Kept, kKept> kept_;
  RecentText unlikely_;
};

template <class Write>
void GroupWriter::Pieces(SharedPieces& shared, Write write) {
  if (shared.group_ == group_) {
    pieces_ += shared.pieces_;
    resource_numbers_ += shared.resource_numbers_;
    resources_ += shared.resources_;
    return;
  }
  const std::size_t pieces = pieces_.size(), numbers = resource_numbers_.size();
  const std::uint32_t resources = resources_;
  write();
  shared.pieces_.assign(pieces_, pieces);
  shared.resource_numbers_.assign(resource_numbers_, numbers);
  shared.resources_ = resources_ - resources;
  shared.group_ = group_;
}

}  // namespace strongroom::trail
