#include "cloudhsm/subnets.h"

#include <optional>

#include "base/ids.h"

namespace strongroom::cloudhsm {

Result<std::map<std::string, std::string>> ZonesOf(store::Transaction& t, std::string_view account,
                                                   std::string_view region, std::span<const std::string> subnets) {
  std::map<std::string, std::string> zones;
  std::vector<std::string> fresh;
  for (const std::string& subnet : subnets) {
    SR_TRY(const auto known,
           t.QueryOne("SELECT s.zone FROM cluster_subnets s JOIN clusters c ON c.cluster_id = s.cluster_id "
                      "WHERE c.account_id = $1 AND c.region = $2 AND s.subnet_id = $3 LIMIT 1",
                      {store::Text(account), store::Text(region), store::Text(subnet)}));
    if (!known) {
      fresh.push_back(subnet);
    } else if (!zones.emplace(known->Text(0), subnet).second) {
      return Error(Errc::kInvalidArgument, "Only one subnet per Availability Zone may be specified.");
    }
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (fresh[i] == fresh[j]) {
        return Error(Errc::kInvalidArgument, "Only one subnet per Availability Zone may be specified.");
      }
    }
    bool placed = false;
    for (const char letter : kZoneLetters) {
      if (zones.emplace(std::string(region) + letter, fresh[i]).second) {
        placed = true;
        break;
      }
    }
    if (!placed) {
      const std::string name(region);
      return Error(Errc::kInvalidArgument, "Subnet " + fresh[i] + " cannot be placed: the Availability Zones " + name +
                                               "a, " + name + "b and " + name +
                                               "c each have a subnet in this request already.");
    }
  }
  return zones;
}

Result<std::string> VpcOf(store::Transaction& t, std::string_view account, std::string_view region) {
  SR_TRY(const auto known, t.QueryOne("SELECT vpc_id FROM clusters WHERE account_id = $1 AND region = $2 LIMIT 1",
                                      {store::Text(account), store::Text(region)}));
  return known ? known->Text(0) : NewHexId("vpc-");
}

}  // namespace strongroom::cloudhsm
