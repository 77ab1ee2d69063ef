#include "kms/events.h"

#include <gtest/gtest.h>

namespace strongroom::kms {
namespace {

TEST(Events, ABackingKeyIsJsonText) {
  KeyRow key;
  key.hsm_handle = 19;
  key.material_id = "ab\"cd";
  EXPECT_EQ(BackingKeyText(key), R"({"keyHandle":"19","backingKeyId":"ab\"cd"})");
}

}  // namespace
}  // namespace strongroom::kms
