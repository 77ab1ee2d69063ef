#include "iam/page.h"

#include "base/bytes.h"

namespace strongroom::iam {
namespace {
constexpr std::string_view kMarkerForm = "1|";
}

std::string MarkerAfter(std::string_view key) { return Base64(AsBytes(std::string(kMarkerForm).append(key))); }

Result<Page> PageOf(const Work& work) {
  Page page;
  SR_TRY(const std::int64_t limit, work.in.IntOr("MaxItems", 100));
  page.limit = static_cast<std::size_t>(std::clamp<std::int64_t>(limit, 1, 1000));
  SR_TRY(const auto marker, work.in.OptionalString("Marker"));
  if (!marker) return page;
  const auto opened = FromBase64(*marker);
  const std::string_view text = opened.ok() ? AsText(*opened) : std::string_view();
  if (!text.starts_with(kMarkerForm) || text.size() == kMarkerForm.size())
    return Error(Errc::kInvalidMarker, "Invalid Marker.");
  page.after = text.substr(kMarkerForm.size());
  return page;
}

}  // namespace strongroom::iam
