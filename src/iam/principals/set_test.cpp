#include "iam/principals/set.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {

using testing::kAccount;

/// Counts what is read.
struct Counting final : store::Transaction {
  explicit Counting(store::Transaction& transaction) : to(transaction) {}
  using store::Transaction::Execute;
  using store::Transaction::Query;
  Result<store::Rows> Query(std::string_view sql, std::span<const store::Value> values) override {
    auto read = to.Query(sql, values);
    if (read.ok()) rows += read->size();
    return read;
  }
  Result<std::int64_t> Execute(std::string_view sql, std::span<const store::Value> values) override {
    return to.Execute(sql, values);
  }
  Status Change(std::string_view kind, std::string_view account, std::string_view region,
                std::string_view id) override {
    return to.Change(kind, account, region, id);
  }
  Result<std::int64_t> NowMillis() override { return to.NowMillis(); }

  store::Transaction& to;
  std::size_t rows = 0;
};

class PrincipalSetTest : public testing::IamTest {
 protected:
  using Set = std::shared_ptr<const PrincipalSet>;
  Set All(const PrincipalSet* before = nullptr) {
    return Read([&](store::Transaction& t) { return PrincipalSet::Read(t, engine_, before); });
  }
  Set After(const Set& before, const ChangedIds& changed) {
    return Read([&](store::Transaction& t) { return PrincipalSet::ReadChanged(t, engine_, before, changed); });
  }
  /// What the feed says since it was asked last.
  ChangedIds Changes() {
    ChangedIds changed;
    const auto rows = database_->Read([this](store::Transaction& t) {
      return t.Query("SELECT number, account_id, id FROM changes WHERE kind = $1 AND number > $2",
                     {store::Text(kPrincipalChange), heard_});
    });
    for (const store::Row& row : rows.value()) {
      heard_ = std::max(heard_, row.Int(0));
      changed.emplace(row.Text(1), row.Text(2));
    }
    return changed;
  }
  std::size_t rows_read() const { return rows_; }

 private:
  template <typename F>
  Set Read(F read) {
    auto set = database_->Read([&](store::Transaction& t) {
      Counting counting(t);
      auto made = read(counting);
      rows_ = counting.rows;
      return made;
    });
    EXPECT_TRUE(set.ok()) << set.error();
    return set.ok() ? *set : std::make_shared<const PrincipalSet>();
  }
  std::int64_t heard_ = 0;
  std::size_t rows_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Iam, PrincipalSetTest, store::testing::BothEngines(), store::testing::EngineName);

std::string Document(unsigned number) {
  return fmt::format(
      R"("{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\"s3:Get{}\",\"Resource\":\"*\"}}]}}")",
      number);
}

TEST_P(PrincipalSetTest, OfAChangeOnlyThatIsRead) {
  constexpr int kUsers = 200;
  Do("CreateGroup", R"({"GroupName":"all"})");
  const std::string arn = "arn:aws:iam::" + std::string(kAccount) + ":policy/shared";
  Do("CreatePolicy", R"({"PolicyName":"shared","PolicyDocument":)" + Document(0) + "}");
  for (int i = 0; i < kUsers; ++i) {
    const std::string user = fmt::format(R"("UserName":"user-{}")", i);
    Do("CreateUser", "{" + user + R"(,"Tags":[{"Key":"Team","Value":"x"}]})");
    Do("PutUserPolicy", "{" + user + R"(,"PolicyName":"p","PolicyDocument":)" + Document(1) + "}");
    Do("AddUserToGroup", "{" + user + R"(,"GroupName":"all"})");
  }
  Do("AttachGroupPolicy", R"({"GroupName":"all","PolicyArn":")" + arn + "\"}");
  Set set = All();
  EXPECT_GE(rows_read(), 4U * kUsers);
  (void)Changes();

  const std::string user = testing::At(Do("GetUser", R"({"UserName":"user-7"})"), "/User/UserId");
  const std::string other = testing::At(Do("GetUser", R"({"UserName":"user-8"})"), "/User/UserId");
  const struct {
    std::string operation, body;
    std::size_t most_rows;
    bool everybody;  // or user-7 alone has other policies then
  } changes[] = {
      {"TagUser", R"({"UserName":"user-7","Tags":[{"Key":"Floor","Value":"3"}]})", 5, false},
      {"PutUserPolicy", R"({"UserName":"user-7","PolicyName":"q","PolicyDocument":)" + Document(2) + "}", 6, false},
      {"RemoveUserFromGroup", R"({"UserName":"user-7","GroupName":"all"})", 5, false},
      {"AddUserToGroup", R"({"UserName":"user-7","GroupName":"all"})", 6, false},
      {"PutGroupPolicy", R"({"GroupName":"all","PolicyName":"g","PolicyDocument":)" + Document(3) + "}", 3, true},
      {"CreatePolicyVersion",
       R"({"PolicyArn":")" + arn + R"(","SetAsDefault":true,"PolicyDocument":)" + Document(4) + "}", 1, true},
      {"CreateUser", R"({"UserName":"fresh"})", 1, false},
  };
  for (const auto& change : changes) {
    SCOPED_TRACE(change.operation);
    Do(change.operation, change.body);
    const Set before = set;
    set = After(set, Changes());
    EXPECT_NE(set, before);
    EXPECT_LE(rows_read(), change.most_rows);
    EXPECT_EQ(set->Find(other) != before->Find(other), change.everybody) << "who has not changed is the same object";
    EXPECT_TRUE(change.operation == "CreateUser" || set->Find(user) != before->Find(user));
  }
  EXPECT_EQ(After(set, {{std::string(kAccount), "arn:aws:iam::111122223333:mfa/x"}, {std::string(kAccount), ""}}), set);
  EXPECT_EQ(rows_read(), 0U);
}

/// Everything that can be asked of a set. Compiled policies are named by their address: a text is compiled once.
std::string Shown(const PrincipalSet& set, const std::set<std::string>& ids, const std::set<std::string>& arns) {
  std::string shown;
  const auto policy = [&](const ports::NamedPolicy& one) {
    shown += fmt::format("  {} {}\n", one.name, static_cast<const void*>(one.policy.get()));
  };
  for (const std::string& id : ids) {
    const auto principal = set.Find(id);
    shown += id + (principal ? fmt::format(" {} {} {} {}\n", NamesOf(principal->kind).word, principal->arn,
                                           principal->name, principal->policies->unreadable)
                             : std::string(" -\n"));
    if (!principal) continue;
    if (principal->tags)
      for (const ports::Tag& tag : *principal->tags) shown += "  " + tag.key + "=" + tag.value + "\n";
    for (const ports::NamedPolicy& one : principal->policies->identity) policy(one);
    if (principal->policies->boundary) policy(*principal->policies->boundary);
  }
  for (const std::string& arn : arns) policy({arn, set.Managed(arn)});
  return shown;
}

TEST_P(PrincipalSetTest, AfterAnyChangesItIsWhatAFullReadGives) {
  const char* given = std::getenv("PRINCIPALS_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  SCOPED_TRACE(fmt::format("PRINCIPALS_SEED={}", seed));
  std::mt19937 random(seed);
  const auto number = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  const auto name = [&] { return fmt::format("n{}", number(4)); };
  const auto arn = [&] {
    return number(3) == 0 ? std::string("arn:aws:iam::aws:policy/ReadOnlyAccess")
                          : fmt::format("arn:aws:iam::{}:policy/{}", kAccount, name());
  };
  const std::string_view kinds[] = {"User", "Group", "Role"};
  // Many are refused, as what they need is not there: they change nothing.
  const auto step = [&] {
    const std::string_view kind = kinds[number(3)];
    const std::string own = fmt::format(R"({{"{}Name":"{}")", kind, name());
    switch (number(13)) {
      case 0:
      case 1:
        return CallAs(root_, fmt::format("Create{}", kind),
                      own + (kind == "Role" ? R"(,"AssumeRolePolicyDocument":)" + testing::kTrust : "") + "}");
      case 2: return CallAs(root_, fmt::format("Delete{}", kind), own + "}");
      case 3:
        return CallAs(root_, fmt::format("Put{}Policy", kind),
                      own + fmt::format(R"(,"PolicyName":"{}","PolicyDocument":{}}})", name(), Document(number(6))));
      case 4:
        return CallAs(root_, fmt::format("Delete{}Policy", kind), own + fmt::format(R"(,"PolicyName":"{}"}})", name()));
      case 5:
        return CallAs(root_, fmt::format("Attach{}Policy", kind), own + fmt::format(R"(,"PolicyArn":"{}"}})", arn()));
      case 6:
        return CallAs(root_, fmt::format("Detach{}Policy", kind), own + fmt::format(R"(,"PolicyArn":"{}"}})", arn()));
      case 7:
        return CallAs(root_, number(3) == 0 ? "RemoveUserFromGroup" : "AddUserToGroup",
                      fmt::format(R"({{"UserName":"{}","GroupName":"{}"}})", name(), name()));
      case 8:
        return CallAs(root_, "CreatePolicy",
                      fmt::format(R"({{"PolicyName":"{}","PolicyDocument":{}}})", name(), Document(number(6))));
      case 9: return CallAs(root_, "DeletePolicy", fmt::format(R"({{"PolicyArn":"{}"}})", arn()));
      case 10:
        return CallAs(root_, "CreatePolicyVersion",
                      fmt::format(R"({{"PolicyArn":"{}","SetAsDefault":{},"PolicyDocument":{}}})", arn(),
                                  number(2) == 0 ? "true" : "false", Document(number(6))));
      case 11:
        return CallAs(root_, fmt::format("Put{}PermissionsBoundary", kind),
                      own + fmt::format(R"(,"PermissionsBoundary":"{}"}})", arn()));
      default:
        if (number(2) == 0)
          return CallAs(root_, fmt::format("Tag{}", kind),
                        own + fmt::format(R"(,"Tags":[{{"Key":"{}","Value":"{}"}}]}})", name(), name()));
        return CallAs(root_, fmt::format("Update{}", kind), own + fmt::format(R"(,"New{}Name":"{}"}})", kind, name()));
    }
  };
  Set set = All();
  std::set<std::string> ids, arns{"arn:aws:iam::aws:policy/ReadOnlyAccess"};
  int done = 0;
  for (int round = 0; round < 150; ++round) {
    for (unsigned steps = 1 + number(4); steps > 0; --steps) done += step().ok() ? 1 : 0;
    const ChangedIds changed = Changes();
    for (const auto& [account, id] : changed) ids.insert(id);
    for (unsigned i = 0; i < 4; ++i) arns.insert(fmt::format("arn:aws:iam::{}:policy/n{}", kAccount, i));
    set = After(set, changed);
    const Set full = All(set.get());
    ASSERT_EQ(Shown(*set, ids, arns), Shown(*full, ids, arns)) << "round " << round;
    // Now and then what follows builds on a full read, as in service.
    if (number(20) == 0) set = full;
  }
  EXPECT_GT(done, 60);
}

}  // namespace
}  // namespace strongroom::iam
