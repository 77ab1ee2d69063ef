#include "cloudhsm/testing/world.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "aws/dispatch/reply_writer.h"
#include "base/ids.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/wire_error.h"

namespace strongroom::cloudhsm::testing {
namespace {

std::unique_ptr<store::Database> OpenStore(const std::filesystem::path& directory) {
  store::Config config;
  config.sqlite_path = directory / "store.db";
  return std::move(store::Database::Open(config)).value();
}

Task<Result<aws::Reply>> Invoke(const aws::Operation& operation, CloudHsm& service, aws::Call& call) {
  co_return co_await operation.handler(&service, call);
}

}  // namespace

Task<Result<ports::PrincipalIds>> FakePrincipals::Resolve(std::vector<std::string> arns) {
  ports::PrincipalIds ids;
  for (const std::string& arn : arns) {
    if (arn.ends_with("/nobody") || gone.contains(arn)) co_return Error(Errc::kNotFound, arn);
    if (arn.find(":user/") != std::string::npos) ids.emplace(arn, IdOf(arn));
  }
  co_return ids;
}

std::string FakePrincipals::IdOf(std::string_view arn) {
  return "AIDA-" + std::string(arn.substr(arn.rfind('/') + 1)) + "-OF-" + std::string(arn.substr(13, 12));
}

World::World()
    : database(OpenStore(directory.path())),
      log(
          *database,
          [this](const std::string&, const std::string& hsm_id, const proto::Control& notice) {
            host->Notify(hsm_id, notice);
          },
          &hardware) {
  host = std::make_shared<FakeHost>("host-1", hardware, log);
  hosts.Add("host-1", host);
  Restart();
}

World::~World() {
  lifecycle.reset();
  database.reset();
}

void World::Restart() {
  lifecycle.reset();
  service = std::make_unique<CloudHsm>(CloudHsm::Parts{.database = *database,
                                                       .authorizer = authorizer,
                                                       .principals = principals,
                                                       .placement = placement,
                                                       .regions = {"us-east-1", "eu-west-1"},
                                                       .limits = limits,
                                                       .wake = [this] { ++wakes; }});
  jobs = std::make_unique<JobContext>(JobContext{.database = *database,
                                                 .hosts = hosts,
                                                 .certifier = hardware,
                                                 .domain = {},
                                                 .owner = NewUuid(),
                                                 // A front end that died leaves its lease behind; a test need not wait.
                                                 .lease = std::chrono::milliseconds(-1)});
  lifecycle = std::make_unique<Lifecycle>(loop, *jobs, Lifecycle::Options{});
}

Answer World::Call(std::string_view operation, boost::json::object body, std::string_view account) {
  ports::Caller caller;
  caller.account = account;
  caller.arn = "arn:aws:iam::" + caller.account + ":root";
  caller.principal_id = caller.account;
  if (alice) {
    caller.kind = ports::PrincipalKind::kUser;
    caller.arn = "arn:aws:iam::" + caller.account + ":user/alice";
    caller.principal_id = FakePrincipals::IdOf(caller.arn);
    caller.user_name = "alice";
    caller.policies = alice;
  }
  const std::string action = "cloudhsm:" + std::string(operation);
  aws::Call call{.caller = caller,
                 .region = region,
                 .request_id = "00000000-0000-4000-8000-000000000000",
                 .operation = operation,
                 .iam_action = action,
                 .source_ip = "127.0.0.1",
                 .user_agent = "test",
                 .time = std::chrono::system_clock::now(),
                 .body = aws::Fields(body)};
  for (const aws::Operation* row : kAllRows) {
    if (row->name() != operation) continue;
    auto reply = Await(loop, Invoke(*row, *service, call));
    audited = call.audit_resources;
    if (!reply.ok()) {
      const auto& wire = kWireErrors[static_cast<std::size_t>(reply.error().code())];
      return {.body = nullptr, .error_type = std::string(wire.type), .message = reply.error().public_message()};
    }
    aws::WipedBuffer out;
    aws::ReplyWriter::Json(*reply, out);
    return {.body = boost::json::parse(out.view()), .error_type = {}, .message = {}};
  }
  ADD_FAILURE() << "no operation " << operation;
  return {};
}

Status World::Work() { return Await(loop, lifecycle->RunOnce()); }

boost::json::object World::Cluster(const std::string& id, std::string_view account) {
  const Answer answer = Call("DescribeClusters", {{"Filters", {{"clusterIds", {id}}}}}, account);
  if (!answer.ok() || answer.body.at("Clusters").as_array().empty()) return {};
  return answer.body.at("Clusters").as_array().front().as_object();
}

std::string World::NewCluster(std::string_view subnets) {
  const Answer made = Call("CreateCluster", {{"HsmType", "hsm1.medium"}, {"SubnetIds", boost::json::parse(subnets)}});
  EXPECT_TRUE(made.ok()) << made.message;
  if (!made.ok()) return {};
  EXPECT_TRUE(Work().ok());
  return std::string(made.body.at("Cluster").at("ClusterId").as_string());
}

std::string World::NewHsm(const std::string& cluster, const std::string& zone) {
  const Answer made = Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", zone}});
  EXPECT_TRUE(made.ok()) << made.message;
  if (!made.ok()) return {};
  return std::string(made.body.at("Hsm").at("HsmId").as_string());
}

World::Signed World::Sign(const std::string& cluster) {
  static const crypto::PrivateKey key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value();
  crypto::CertificateOptions ca;
  ca.ca = true;
  const auto anchor = crypto::MakeSelfSigned({{"CN", "CloudHSMClusterCA"}}, key, ca).value();
  const boost::json::object shown = Cluster(cluster);
  const auto csr = crypto::ParseCsr(shown.at("Certificates").at("ClusterCsr").as_string()).value();
  const auto public_key = crypto::PublicKey::FromSpki(csr.public_key_spki).value();
  const auto certificate = crypto::Issue(csr.subject.entries, public_key, anchor, key, {}).value();
  return {anchor.ToPem(), certificate.ToPem()};
}

void World::Activate(const std::string& cluster) {
  for (auto& [hsm_id, hsm] : hardware.hsms) {
    if (hsm.status.cluster_id() != cluster) continue;
    hsm.status.set_lifecycle(proto::ACTIVE);
    proto::StatusChanged changed;
    changed.set_cluster_id(cluster);
    changed.set_lifecycle(proto::ACTIVE);
    EXPECT_TRUE(Await(loop, lifecycle->Note("host-1", hsm_id, changed)).ok());
  }
  EXPECT_TRUE(Work().ok());
}

std::string World::ActiveCluster() {
  const std::string cluster = NewCluster();
  NewHsm(cluster);
  EXPECT_TRUE(Work().ok());
  const Signed made = Sign(cluster);
  const Answer accepted = Call(
      "InitializeCluster", {{"ClusterId", cluster}, {"SignedCert", made.certificate}, {"TrustAnchor", made.anchor}});
  EXPECT_TRUE(accepted.ok()) << accepted.message;
  EXPECT_TRUE(Work().ok());
  Activate(cluster);
  return cluster;
}

}  // namespace strongroom::cloudhsm::testing
