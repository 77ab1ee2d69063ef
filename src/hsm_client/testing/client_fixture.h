#pragma once

#include "channel/testing/pipe_fixture.h"
#include "hsm_client/testing/hsm_double.h"
#include "messages.pb.h"

namespace strongroom::hsm_client::testing {
using channel::testing::Must;
using channel::testing::RunTask;
using channel::testing::RunUntil;
using channel::testing::Soon;
using channel::testing::TestPki;

inline const TestPki& Pki() {
  static const TestPki pki;
  return pki;
}
inline SecretBuffer Secret(std::string_view text) { return Must(SecretBuffer::CopyOf(AsBytes(text))); }
inline proto::EchoRequest EchoOf(std::string text) {
  proto::EchoRequest request;
  request.set_data(std::move(text));
  return request;
}
inline std::string EchoIn(const wire::Frame& frame) {
  proto::EchoReply reply;
  return wire::ParseMessage(frame, reply).ok() ? reply.data() : "(not a reply)";
}
inline std::shared_ptr<DoubleCluster> NewCluster() {
  auto cluster = std::make_shared<DoubleCluster>();
  cluster->AddUser(proto::CU, "kmsuser", "kmsPswd1");
  cluster->AddUser(proto::CO, "admin", "adminPswd1");
  return cluster;
}

}  // namespace strongroom::hsm_client::testing
