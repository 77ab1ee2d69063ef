#include "hsm/replica/store_link.h"

namespace strongroom::hsm::replica {

// For links to a store that keeps records and nothing else.
Task<Status> StoreLink::SetAside(std::string, std::uint64_t, Bytes) {
  co_return Error(Errc::kUnsupported, "This store moves nothing aside.");
}

}  // namespace strongroom::hsm::replica
