#include "store/connection_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strongroom::store {
namespace {

struct Case {
  std::string name, conninfo;
  bool has_password = false, names_password_place = false;
};
const Case kCases[] = {{"Words", "host=db user=strongroom dbname=x"},
                       {"Uri", "postgresql://strongroom@db/x"},
                       {"UriWithEmptyPassword", "postgresql://strongroom:@db/x"},
                       {"EmptyPassword", "host=db password=''"},
                       {"PasswordInAnotherValue", "host=db application_name='password=x'"},
                       {"Password", "host=db password=x", true},
                       {"PasswordApart", "host=db password = x", true},
                       {"PasswordAfterTab", "host=db password\t=\t'x y'", true},
                       {"UriPassword", "postgresql://strongroom:secret@db/x", true},
                       {"ShortUriPassword", "postgres://strongroom:secret@db/x", true},
                       {"UriParameter", "postgresql://strongroom@db/x?password=secret", true},
                       {"EscapedUriParameter", "postgresql://strongroom@db/x?p%61ssword=secret", true},
                       {"KeyPassword", "host=db sslkey=/key sslpassword=secret", true},
                       {"PasswordFile", "host=db passfile=/etc/strongroom.pgpass", false, true},
                       {"UriPasswordFile", "postgresql://db/x?passfile=/etc/strongroom.pgpass", false, true},
                       {"Service", "service=strongroom", false, true},
                       {"NameAlone", "strongroomdb"}};

class ConnectionStrings : public ::testing::TestWithParam<Case> {};
TEST_P(ConnectionStrings, AreReadAsLibpqReadsThem) {
  const auto read = ReadConnectionString(GetParam().conninfo);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read->has_password, GetParam().has_password);
  EXPECT_EQ(read->names_password_place, GetParam().names_password_place);
  const Status checked = CheckForCommandLine(GetParam().conninfo);
  EXPECT_EQ(checked.ok(), !GetParam().has_password);
  if (!checked.ok()) {
    EXPECT_EQ(checked.error().public_message().find("secret"), std::string::npos);
  }
}
INSTANTIATE_TEST_SUITE_P(Store, ConnectionStrings, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(ConnectionStringOfNobody, IsRefusedWithLibpqsReason) {
  for (const char* conninfo : {"hots=db", "postgresql://db/x?nothing=1"}) {
    const Status checked = CheckForCommandLine(conninfo);
    ASSERT_FALSE(checked.ok()) << conninfo;
    EXPECT_EQ(checked.error().code(), Errc::kInvalidArgument);
    EXPECT_THAT(checked.error().public_message(), ::testing::HasSubstr("no connection string of PostgreSQL: "));
  }
}

}  // namespace
}  // namespace strongroom::store
