// The domain key's generations as KMS keeps them: when one is made, left and destroyed, and what then becomes of keys
// in the database and in an old copy of it.
#include "kms/domain_keys/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;

class DomainKeyKeeper : public ::testing::Test {
 protected:
  void Round() { service.RunTask(KeepDomainKeys(service.kms())); }
  /// As if everything that is noted of generations were so much longer ago.
  void Pass(std::int64_t millis) {
    service.Sql("UPDATE domain_keys SET made_at = made_at - $1, rewrapped_at = rewrapped_at - $1", {millis});
  }
  std::int64_t Generations(const std::string& where) {
    return service.Count("SELECT COUNT(*) FROM domain_keys WHERE " + where);
  }
  std::int64_t TokensUnder(int generation) {
    return service.Count("SELECT COUNT(*) FROM kms_materials WHERE substr(hex(token), 9, 8) = $1",
                         {std::string("0000000") + std::to_string(generation)});
  }
  Answer Decrypt(const Bytes& blob) { return service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}); }
  FakeService service;
};

TEST_F(DomainKeyKeeper, NothingHappensBeforeItsTime) {
  Round();
  EXPECT_EQ(Generations("generation = 1"), 1);
  Round();
  Pass(29 * kDay);
  Round();
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM domain_keys"), 1);
}

TEST_F(DomainKeyKeeper, KeysMoveToTheNewGenerationAndTheOldOneEnds) {
  const std::string symmetric = service.NewKey();
  const std::string signing = service.NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  const std::string public_key = service.Call("GetPublicKey", {{"KeyId", signing}}).Text("PublicKey");
  const Bytes blob = service.Encrypted(symmetric, "hello");
  Round();
  Pass(31 * kDay);
  Round();  // makes generation 2
  EXPECT_EQ(Generations("generation = 2"), 1);
  EXPECT_EQ(TokensUnder(1), 2);
  const std::string young = service.NewKey();
  EXPECT_EQ(TokensUnder(2), 1);
  Round();  // it settles
  EXPECT_EQ(TokensUnder(1), 2);
  Pass(kDay / 24);
  Round();  // wraps anew
  EXPECT_EQ(TokensUnder(1), 0);
  EXPECT_EQ(TokensUnder(2), 3);
  EXPECT_EQ(Generations("rewrapped_at IS NOT NULL"), 0);
  Round();  // sees that nothing is left
  EXPECT_EQ(Generations("generation = 1 AND rewrapped_at IS NOT NULL"), 1);
  // With the old token still in the cache.
  EXPECT_EQ(Decrypt(blob).Text("Plaintext"), B64("hello"));
  Pass(kDay * 28);
  Round();
  EXPECT_EQ(Generations("dropped_at IS NOT NULL"), 0);
  Pass(kDay * 8);
  service.Sql("UPDATE domain_keys SET made_at = made_at + $1 WHERE generation = 2", {kDay * 36});
  Round();
  EXPECT_EQ(Generations("generation = 1 AND dropped_at IS NOT NULL"), 1);
  service.Restart(false);
  EXPECT_EQ(Decrypt(blob).Text("Plaintext"), B64("hello"));
  EXPECT_EQ(service.Call("GetPublicKey", {{"KeyId", signing}}).Text("PublicKey"), public_key);
  EXPECT_TRUE(service.Call("Encrypt", {{"KeyId", young}, {"Plaintext", B64("x")}}).ok());
}

TEST_F(DomainKeyKeeper, ADeletedKeyIsLostInAnOldCopyToo) {
  const std::string deleted = service.NewKey(), kept = service.NewKey();
  const Bytes lost = service.Encrypted(deleted, "hello"), safe = service.Encrypted(kept, "hello");
  // What an old copy of the database has of it.
  service.Sql("CREATE TABLE old_keys AS SELECT * FROM kms_keys WHERE key_id = $1", {deleted});
  service.Sql("CREATE TABLE old_materials AS SELECT * FROM kms_materials WHERE key_id = $1", {deleted});
  const auto put_back = [&] {
    service.Sql("DELETE FROM kms_keys WHERE key_id = $1", {deleted});
    service.Sql("DELETE FROM kms_materials WHERE key_id = $1", {deleted});
    service.Sql("INSERT INTO kms_keys SELECT * FROM old_keys");
    service.Sql("INSERT INTO kms_materials SELECT * FROM old_materials");
    service.Restart(false);
  };
  Round();
  service.Sql("DELETE FROM kms_keys WHERE key_id = $1", {deleted});
  service.Sql("DELETE FROM kms_materials WHERE key_id = $1", {deleted});
  service.Restart(false);
  EXPECT_EQ(Decrypt(lost).type, "AccessDeniedException");
  put_back();
  EXPECT_EQ(Decrypt(lost).Text("Plaintext"), B64("hello"));  // so the copy is a true one
  service.Sql("DELETE FROM kms_keys WHERE key_id = $1", {deleted});
  service.Sql("DELETE FROM kms_materials WHERE key_id = $1", {deleted});
  service.Restart(false);

  Pass(31 * kDay);
  Round();
  Pass(kDay);
  Round();
  Round();
  Pass(kDay * 36);
  service.Sql("UPDATE domain_keys SET made_at = made_at + $1 WHERE generation = 2", {kDay * 36});
  Round();
  ASSERT_EQ(Generations("generation = 1 AND dropped_at IS NOT NULL"), 1);

  put_back();
  const Answer answer = Decrypt(lost);
  EXPECT_EQ(answer.type, "KMSInvalidStateException");
  EXPECT_THAT(answer.message, HasSubstr("material was destroyed"));
  EXPECT_EQ(Decrypt(safe).Text("Plaintext"), B64("hello"));
}

TEST_F(DomainKeyKeeper, ADatabaseThatWasSetBackLearnsFromTheHsms) {
  const Bytes blob = service.Encrypted(service.NewKey(), "hello");
  Round();
  Pass(31 * kDay);
  Round();
  service.Sql("DELETE FROM domain_keys WHERE generation = 2");
  Round();
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM domain_keys"), 2);
  EXPECT_EQ(Generations("generation = 3"), 0);
  Pass(kDay);
  Round();
  EXPECT_EQ(TokensUnder(2), 1);
  EXPECT_EQ(Decrypt(blob).Text("Plaintext"), B64("hello"));
}

TEST_F(DomainKeyKeeper, WhatCannotBeOpenedHoldsNothingUp) {
  const std::string damaged = service.NewKey();
  service.Sql("UPDATE kms_materials SET token = $1 WHERE key_id = $2",
              {store::Blob(ToBytes(AsBytes(std::string_view("SRT\1\0\0\0\1 and no more than this", 31)))), damaged});
  const Bytes blob = service.Encrypted(service.NewKey(), "hello");
  Round();
  Pass(31 * kDay);
  Round();
  Pass(kDay);
  Round();
  Round();
  EXPECT_EQ(Generations("generation = 1 AND rewrapped_at IS NOT NULL"), 1);
  EXPECT_EQ(TokensUnder(2), 1);
  EXPECT_THAT(service.Log(), HasSubstr("which cannot be opened"));
}

}  // namespace
}  // namespace strongroom::kms::testing
