#include "kms/events.h"

#include <gtest/gtest.h>

namespace strongroom::kms {
namespace {

TEST(Events, ABackingKeyIsJsonText) {
  KeyRow key;
  key.hsm_handle = 19;
  key.key_id = "1234abcd-12ab-34cd-56ef-1234567890ab";
  EXPECT_EQ(BackingKeyText(key), R"({"keyHandle":"19","backingKeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"})");
}

}  // namespace
}  // namespace strongroom::kms
