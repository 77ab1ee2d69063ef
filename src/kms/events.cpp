#include "kms/events.h"

#include <boost/json.hpp>

#include "kms/service.h"

namespace strongroom::kms {
namespace {

ports::AuditEvent EventOf(const KeyRow& key, std::string name) {
  ports::AuditEvent event;
  event.account = key.account;
  event.region = key.region;
  event.event_name = std::move(name);
  event.resources = {key.Arn()};
  event.details = {{"keyId", key.key_id}};
  return event;
}

/// A key of the customer's cluster has no material id, and is never rotated: the KMS key's id names it for ever.
boost::json::object BackingKey(const KeyRow& key) {
  return {{"keyHandle", std::to_string(key.hsm_handle.value_or(0))}, {"backingKeyId", key.key_id}};
}

std::string DeletionText(const KeyRow& key, bool destroyed) {
  boost::json::object one = BackingKey(key);
  one["deletionStatus"] = destroyed ? "SUCCESS" : "FAILURE";
  return "[" + boost::json::serialize(one) + "]";
}

}  // namespace

std::string BackingKeyText(const KeyRow& key) { return boost::json::serialize(BackingKey(key)); }

void RecordDeleteKey(Kms& kms, const KeyRow& key, bool destroyed) {
  if (kms.audit() == nullptr) return;
  ports::AuditEvent event = EventOf(key, "DeleteKey");
  if (key.custom_key_store_id) {
    event.additional.emplace_back("customKeyStoreId", *key.custom_key_store_id);
    if (key.cluster_id) {
      event.additional.emplace_back("clusterId", *key.cluster_id);
      event.additional.emplace_back("backingKeys", "[" + BackingKeyText(key) + "]");
      event.additional.emplace_back("backingKeysDeletionStatus", DeletionText(key, destroyed));
    }
  }
  kms.audit()->Record(event);
}

void RecordRotation(Kms& kms, const std::vector<KeyRow>& set, std::string_view type, std::string_view previous_id) {
  if (kms.audit() == nullptr) return;
  for (std::size_t i = 0; i < set.size(); ++i) {
    ports::AuditEvent event = EventOf(set[i], i == 0 ? "RotateKey" : "SynchronizeMultiRegionKey");
    if (i == 0) {
      event.details.emplace_back("rotationType", type);
      event.details.emplace_back("keyOrigin", Name(set[i].origin));
      event.details.emplace_back("previousKeyMaterialId", previous_id);
      event.details.emplace_back("currentKeyMaterialId", set[i].material_id);
    }
    kms.audit()->Record(event);
  }
}

void RecordExpiry(Kms& kms, const KeyRow& key) {
  if (kms.audit() == nullptr) return;
  kms.audit()->Record(EventOf(key, "DeleteExpiredKeyMaterial"));
}

}  // namespace strongroom::kms
