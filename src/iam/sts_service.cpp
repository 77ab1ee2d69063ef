#include "iam/sts_service.h"

#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// What no operation of STS answers by itself, and is our own failure should it arrive.
constexpr auto kUnused = aws::Join(aws::kOfKmsAlone, std::to_array<Errc>({
                                                         Errc::kNotFound,
                                                         Errc::kAlreadyExists,
                                                         Errc::kConflict,
                                                         Errc::kLimitExceeded,
                                                         Errc::kInvalidState,
                                                         Errc::kUnsupported,
                                                         Errc::kInvalidArn,
                                                         Errc::kInvalidMarker,
                                                         Errc::kTag,
                                                     }));
/// Source: STS API Reference, "Common errors".
constexpr aws::WireErrors kWireErrors = aws::CompleteTable(std::array<aws::WireError, 0>{}, aws::kCommonQueryErrors,
                                                           {Errc::kInternal, "InternalFailure", 500}, kUnused);
}  // namespace

aws::Service Sts::Service() noexcept {
  return {.name = "sts",
          .signing_name = "sts",
          .event_source = "sts.amazonaws.com",
          .protocol = aws::Protocol::kQuery,
          .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/",
          .operations = kAllRows,
          .instance = this,
          .errors = &kWireErrors};
}

}  // namespace strongroom::iam
