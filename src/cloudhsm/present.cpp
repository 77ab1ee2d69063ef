#include "cloudhsm/present.h"

#include <chrono>

#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

ports::WallTime At(std::int64_t millis) { return ports::WallTime(std::chrono::milliseconds(millis)); }

aws::Reply PresentCertificates(const ClusterRow& cluster) {
  aws::Reply certificates;
  const auto add = [&](std::string_view name, const std::string& pem) {
    if (!pem.empty()) certificates.Text(name, pem);
  };
  // What identifies the HSM is shown until the owner's certificate is in force, and never again.
  add("ClusterCsr", cluster.csr);
  add("HsmCertificate", cluster.hsm_certificate);
  add("AwsHardwareCertificate", cluster.aws_hw_certificate);
  add("ManufacturerHardwareCertificate", cluster.manufacturer_hw_certificate);
  if (cluster.state != ClusterState::kInitializeInProgress) add("ClusterCertificate", cluster.cluster_certificate);
  return certificates;
}

}  // namespace

aws::Reply PresentHsm(const HsmRow& hsm, const ClusterRow& cluster) {
  aws::Reply out;
  out.Text("AvailabilityZone", hsm.zone)
      .Text("ClusterId", hsm.cluster_id)
      .Text("SubnetId", hsm.subnet_id)
      .Text("EniId", hsm.eni_id)
      .Text("EniIp", hsm.eni_ip)
      .Text("HsmId", hsm.hsm_id)
      .Text("HsmType", cluster.hsm_type)
      .Text("State", std::string(Name(hsm.state)));
  if (!hsm.state_message.empty()) out.Text("StateMessage", hsm.state_message);
  return out;
}

std::vector<aws::Reply> PresentTags(const Tags& tags) {
  std::vector<aws::Reply> list;
  for (const auto& [key, value] : tags) {
    aws::Reply tag;
    tag.Text("Key", key).Text("Value", value);
    list.push_back(std::move(tag));
  }
  return list;
}

aws::Reply PresentCluster(const ClusterRow& cluster, const Tags& tags) {
  std::vector<aws::Reply> hsms;
  for (const HsmRow& hsm : cluster.hsms) hsms.push_back(PresentHsm(hsm, cluster));
  aws::Reply retention;
  retention.Text("Type", "DAYS").Text("Value", std::to_string(cluster.retention_days));
  aws::Reply out;
  out.Text("BackupPolicy", "DEFAULT")
      .Object("BackupRetentionPolicy", std::move(retention))
      .Text("ClusterId", cluster.cluster_id)
      .Timestamp("CreateTimestamp", At(cluster.created_at))
      .Objects("Hsms", std::move(hsms))
      .Text("HsmType", cluster.hsm_type)
      .Text("SecurityGroup", cluster.security_group);
  if (cluster.source_backup_id) out.Text("SourceBackupId", *cluster.source_backup_id);
  out.Text("State", std::string(Name(cluster.state)));
  if (!cluster.state_message.empty()) out.Text("StateMessage", cluster.state_message);
  out.TextMap("SubnetMapping", {cluster.subnets.begin(), cluster.subnets.end()})
      .Text("VpcId", cluster.vpc_id)
      .Text("NetworkType", cluster.network_type)
      .Object("Certificates", PresentCertificates(cluster))
      .Objects("TagList", PresentTags(tags))
      .Text("Mode", cluster.mode);
  return out;
}

aws::Reply PresentBackup(const BackupRow& backup, const Tags& tags) {
  aws::Reply out;
  out.Text("BackupId", backup.backup_id)
      .Text("BackupArn", ResourceArn(backup.region, backup.account, backup.backup_id))
      .Text("BackupState", std::string(Name(backup.state)));
  if (backup.cluster_id) out.Text("ClusterId", *backup.cluster_id);
  out.Timestamp("CreateTimestamp", At(backup.created_at));
  if (backup.copied_at) out.Timestamp("CopyTimestamp", At(*backup.copied_at));
  out.Bool("NeverExpires", backup.never_expires);
  if (backup.source_region) out.Text("SourceRegion", *backup.source_region);
  if (backup.source_backup_id) out.Text("SourceBackup", *backup.source_backup_id);
  if (backup.source_cluster_id) out.Text("SourceCluster", *backup.source_cluster_id);
  if (backup.delete_at) out.Timestamp("DeleteTimestamp", At(*backup.delete_at));
  out.Objects("TagList", PresentTags(tags)).Text("HsmType", backup.hsm_type).Text("Mode", backup.mode);
  return out;
}

aws::Reply PresentDestination(const BackupRow& copy) {
  aws::Reply out;
  out.Timestamp("CreateTimestamp", At(copy.created_at))
      .Text("SourceRegion", copy.source_region.value_or(""))
      .Text("SourceBackup", copy.source_backup_id.value_or(""));
  if (copy.source_cluster_id) out.Text("SourceCluster", *copy.source_cluster_id);
  return out;
}

}  // namespace strongroom::cloudhsm
