// The index of grants answers as each grant by itself would, and as fast with many as with few.
#include "kms/grants/index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace strongroom::kms {
namespace {

Grant One(std::size_t number, std::vector<std::string> operations, GrantConstraints constraints = {}) {
  Grant grant;
  grant.grant_id = std::to_string(number);
  grant.operations = std::move(operations);
  grant.constraints = std::move(constraints);
  return grant;
}

TEST(GrantIndex, AgreesWithTheGrantsThemselves) {
  std::mt19937 random(20261122);  // NOLINT: the same walk each time
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto context = [&] {
    EncryptionContext made;
    for (unsigned i = 0, n = below(4); i < n; ++i)
      made["k" + std::to_string(below(3))] = "v" + std::to_string(below(3));
    return made;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<Grant> grants;
    for (unsigned i = 0, n = below(12); i < n; ++i) {
      GrantConstraints constraints;
      if (below(3) == 0) constraints.equals = context();
      if (below(2) == 0) constraints.subset = context();
      grants.push_back(
          One(i, {std::string(kGrantOperations[below(17)]), std::string(kGrantOperations[below(17)])}, constraints));
    }
    const GrantIndex index(grants);
    for (int question = 0; question < 50; ++question) {
      const OperationSet operation = OperationSet{1} << below(17);
      const EncryptionContext asked = context();
      const bool want = std::ranges::any_of(grants, [&](const Grant& one) { return one.Allows(operation, asked); });
      ASSERT_EQ(index.Allows(operation, asked), want) << "round " << round;
    }
  }
}

/// The time of questions that no grant allows, the worst case.
std::chrono::nanoseconds CostOfNo(const GrantIndex& index) {
  const EncryptionContext asked{{"app", "one"}, {"tenant", "nobody"}};
  bool allowed = false;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) allowed = index.Allows(OperationBit("Encrypt"), asked) || allowed;
  const auto time = std::chrono::steady_clock::now() - start;
  EXPECT_FALSE(allowed);
  return time;
}

struct ManyRow {
  std::string name;
  bool equals;
};
class ManyGrants : public ::testing::TestWithParam<ManyRow> {};
TEST_P(ManyGrants, CostNoMoreThanTwiceTen) {
  const auto make = [](std::size_t count) {
    std::vector<Grant> grants;
    for (std::size_t i = 0; i < count; ++i) {
      GrantConstraints constraints;
      EncryptionContext context{{"app", "one"}, {"tenant", std::to_string(i)}};
      (GetParam().equals ? constraints.equals : constraints.subset) = std::move(context);
      grants.push_back(One(i, {"Encrypt", "Decrypt"}, std::move(constraints)));
    }
    return GrantIndex(grants);
  };
  const GrantIndex few = make(10), many = make(50'000);
  EXPECT_TRUE(many.Allows(OperationBit("Decrypt"), {{"app", "one"}, {"tenant", "49999"}}));
  // The best of some rounds of each, by turns, since others use the machine and its speed varies.
  auto of_few = std::chrono::nanoseconds::max(), of_many = of_few;
  for (int round = 0; round < 25 || (round < 500 && of_many / 2 > of_few); ++round) {
    of_few = std::min(of_few, CostOfNo(few));
    of_many = std::min(of_many, CostOfNo(many));
  }
  EXPECT_LE(of_many, 2 * of_few);
}
INSTANTIATE_TEST_SUITE_P(GrantIndex, ManyGrants, ::testing::Values(ManyRow{"Subset", false}, ManyRow{"Equals", true}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::kms
