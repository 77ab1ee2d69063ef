#include <gtest/gtest.h>

#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::Said;

/// Counts how often it is asked; answers as the known wrapping key does.
class CountingKeyring final : public Keyring {
 public:
  Status OnEncrypt(EncryptionMaterials& materials) const override {
    ++asked;
    return inner_->OnEncrypt(materials);
  }
  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    ++asked;
    return inner_->OnDecrypt(materials, keys, causes);
  }
  mutable int asked = 0;

 private:
  KeyringPtr inner_ = testing::WrappingKey();
};

struct PolicyRow {
  std::string name;
  CommitmentPolicy policy;
  bool writes_committing, writes_others, reads_others;
};
class PolicyTable : public ::testing::TestWithParam<PolicyRow> {};

TEST_P(PolicyTable, HoldsForEverySuiteInBothDirections) {
  const PolicyRow& row = GetParam();
  for (const Suite& suite : AllSuites()) {
    SCOPED_TRACE(suite.name);
    const auto keyring = std::make_shared<CountingKeyring>();
    const CmmPtr cmm = MakeDefaultCmm(keyring);
    EncryptOptions options{.policy = row.policy, .suite = suite.id, .frame_length = 16};
    const bool writes = suite.commits ? row.writes_committing : row.writes_others;
    EXPECT_EQ(Said(EncryptMessage(*cmm, {}, testing::TextOf(20), options)), writes ? "" : "CommitmentPolicyViolation");
    EXPECT_EQ(keyring->asked, writes ? 1 : 0);

    const Bytes message = testing::Write(suite.id, 16, 20).message;
    const bool reads = suite.commits || row.reads_others;
    keyring->asked = 0;
    EXPECT_EQ(Said(DecryptMessage(*cmm, message, {.policy = row.policy})), reads ? "" : "CommitmentPolicyViolation");
    EXPECT_EQ(keyring->asked, reads ? 1 : 0);

    keyring->asked = 0;
    EXPECT_EQ(Said(DecryptMessage(*cmm, message, {.policy = row.policy, .unsigned_only = true})),
              !reads          ? "CommitmentPolicyViolation"
              : suite.signs() ? "SignaturePolicyViolation"
                              : "");
    EXPECT_EQ(keyring->asked, reads && !suite.signs() ? 1 : 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, PolicyTable,
    ::testing::Values(PolicyRow{"RequireRequire", CommitmentPolicy::kRequireEncryptRequireDecrypt, true, false, false},
                      PolicyRow{"RequireAllow", CommitmentPolicy::kRequireEncryptAllowDecrypt, true, false, true},
                      PolicyRow{"ForbidAllow", CommitmentPolicy::kForbidEncryptAllowDecrypt, false, true, true}),
    [](const auto& info) { return info.param.name; });

TEST(Policy, Defaults) {
  for (const auto& [policy, ours, format] :
       {std::tuple{CommitmentPolicy::kRequireEncryptRequireDecrypt, SuiteId::k256Commit, SuiteId::k256CommitP384},
        {CommitmentPolicy::kRequireEncryptAllowDecrypt, SuiteId::k256Commit, SuiteId::k256CommitP384},
        {CommitmentPolicy::kForbidEncryptAllowDecrypt, SuiteId::k256Sha384P384, SuiteId::k256Sha384P384}}) {
    const auto made = EncryptMessage(*testing::WrappingCmm(), {}, {}, {.policy = policy});
    ASSERT_TRUE(made.ok()) << made.error();
    EXPECT_EQ(made->facts.header.suite, ours);
    EXPECT_EQ(testing::WrappingCmm()->ForEncryption({{}, policy, {}, {}})->suite, format);
  }
}

/// Answers with another suite than it was asked for.
class OtherSuiteCmm final : public Cmm {
 public:
  Result<EncryptionMaterials> ForEncryption(const EncryptionRequest&) override {
    return testing::WrappingCmm()->ForEncryption(
        {{}, CommitmentPolicy::kForbidEncryptAllowDecrypt, SuiteId::k256Sha256, {}});
  }
  Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) override {
    return testing::WrappingCmm()->ForDecryption(request);
  }
};

TEST(Policy, WhatAManagerAnswersIsCheckedToo) {
  OtherSuiteCmm cmm;
  Bytes written;
  const auto sink = [&written](ByteView piece) {
    Append(written, piece);
    return Status();
  };
  EXPECT_EQ(Said(Encryptor::Start(cmm, {}, {}, sink)), "CommitmentPolicyViolation");
  EXPECT_TRUE(written.empty());
}

TEST(Policy, EncryptedDataKeysAreCountedWhenWriting) {
  EncryptOptions options{.max_encrypted_data_keys = 0};
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {}, {}, options)), "InvalidArgument");
  options.max_encrypted_data_keys = 1;
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {}, {}, options)), "");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
