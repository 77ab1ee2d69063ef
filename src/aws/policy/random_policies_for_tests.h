#pragma once

#include <boost/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ports/authorizer.h"

namespace strongroom::aws {

/// Draws policies and questions from words few enough that they often meet.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }
  template <typename T, std::size_t N>
  const T& Pick(const T (&words)[N]) {
    return words[Below(N)];
  }

  std::string Policy(ports::PolicyKind kind) {
    const bool of_resource =
        kind == ports::PolicyKind::kKey || kind == ports::PolicyKind::kTrust || kind == ports::PolicyKind::kResource;
    boost::json::object policy;
    policy["Version"] = of_resource && Chance(4) ? "2008-10-17" : "2012-10-17";
    boost::json::array statements;
    for (std::size_t i = 0; i <= Below(3); ++i) statements.push_back(Statement(kind, of_resource));
    policy["Statement"] = std::move(statements);
    return boost::json::serialize(policy);
  }

  ports::Caller Caller() {
    static const char* const kAccounts[] = {"111122223333", "444455556666"};
    ports::Caller caller;
    caller.account = Chance(3) ? kAccounts[1] : kAccounts[0];
    const std::string iam = "arn:aws:iam::" + caller.account + ":", sts = "arn:aws:sts::" + caller.account + ":";
    switch (Below(10)) {
      case 0:
        caller.arn = iam + "root";
        caller.principal_id = caller.account;
        break;
      case 1:
        caller.kind = ports::PrincipalKind::kService;
        caller.account.clear();
        caller.arn = Chance(2) ? "kms.amazonaws.com" : "ec2.amazonaws.com";
        break;
      case 2:
        caller.kind = ports::PrincipalKind::kWebIdentity;
        caller.arn = iam + "oidc-provider/idp.example";
        caller.account.clear();
        break;
      case 3:
        caller.kind = ports::PrincipalKind::kFederatedUser;
        caller.arn = sts + "federated-user/bob";
        caller.role_arn = iam + "user/anna";
        caller.principal_id = caller.account + ":bob";
        caller.behind_id = "AIDAanna";
        break;
      case 4:
      case 5:
      case 6:
        caller.kind = ports::PrincipalKind::kAssumedRole;
        caller.role_arn = iam + "role/admin";
        caller.arn = sts + (Chance(2) ? "assumed-role/admin/s1" : "assumed-role/admin/s2");
        caller.principal_id = "AROAADMIN:s1";
        caller.behind_id = "AROAADMIN";
        break;
      default:
        caller.kind = ports::PrincipalKind::kUser;
        caller.user_name = Chance(3) ? "bob" : "anna";
        caller.arn = iam + "user/" + caller.user_name;
        caller.principal_id = "AIDA" + caller.user_name;
    }
    if (!Chance(3)) {
      std::vector<ports::Tag> tags{{"Dept", Pick(kValues)}};
      if (Chance(2)) tags.push_back({"Star", "*"});
      caller.tags = std::make_shared<const std::vector<ports::Tag>>(std::move(tags));
    }
    if (caller.kind != ports::PrincipalKind::kUser || Chance(2)) {
      ports::Session session;
      session.issued_at = ports::WallTime(std::chrono::seconds(1'767'225'600));
      if (Chance(2)) session.mfa_at = session.issued_at;
      if (Chance(2)) session.source_identity = "anna";
      if (Chance(3)) session.claims = {{"idp.example:sub", Pick(kValues)}};
      caller.session = std::make_shared<const ports::Session>(std::move(session));
    }
    return caller;
  }

  ports::ConditionContext Context() {
    ports::ConditionContext context;
    for (const char* const key : kContextKeys) {
      if (!Chance(2)) continue;
      std::vector<std::string>& values = context[key];
      for (std::size_t i = Below(4); i > 0; --i) values.emplace_back(Chance(2) ? Pick(kTexts) : Pick(kOddTexts));
    }
    return context;
  }

  const char* Action() { return Pick(kActions); }
  const char* Resource() { return Pick(kResources); }
  const char* Address() { return Pick(kAddresses); }
  std::optional<ports::WallTime> Now() {
    if (Chance(5)) return std::nullopt;
    return ports::WallTime(std::chrono::seconds(1'767'225'600 + static_cast<int>(Below(3)) * 43'200));
  }

 private:
  static constexpr const char* kValues[] = {"IT", "HR", "it", "*", "RSA"};
  static constexpr const char* kContextKeys[] = {
      "kms:KeySpec",          "kms:Names",           "kms:EncryptionContext:Dept",
      "aws:ResourceTag/Dept", "kms:ResourceAliases", "kms:Level"};
  static constexpr const char* kTexts[] = {"IT", "HR", "RSA", "RSA_2048", "", "a:b"};
  static constexpr const char* kOddTexts[] = {"7",
                                              "7.0",
                                              "-1",
                                              "2026-01-01T12:00:00Z",
                                              "true",
                                              "False",
                                              "AQID",
                                              "arn:aws:kms:eu:111122223333:key/a",
                                              "*",
                                              "10.1.2.3",
                                              "\xc3\xa9t",
                                              "1767225600",
                                              "${aws:username}"};
  static constexpr const char* kActions[] = {"kms:Encrypt", "kms:Decrypt", "kms:ListKeys", "sts:AssumeRole"};
  static constexpr const char* kActionPatterns[] = {"kms:Encrypt", "KMS:*",     "kms:?ecrypt", "*",
                                                    "kms:*crypt",  "kms:List*", "s3:*"};
  static constexpr const char* kResources[] = {
      "arn:aws:kms:eu:111122223333:key/a", "arn:aws:kms:us:444455556666:key/anna", "*",
      "arn:aws:iam::111122223333:role/path/admin", "arn:aws:kms:eu:111122223333:key/x:y"};
  static constexpr const char* kResourcePatterns[] = {"*",
                                                      "arn:aws:kms:eu:111122223333:key/a",
                                                      "arn:aws:kms:*:111122223333:key/*",
                                                      "arn:aws:kms:*:key/a",
                                                      "arn:aws:kms",
                                                      "arn:aws:kms:e?:1*3:key/?",
                                                      "arn:aws:kms:?s*:*:*",
                                                      "arn:aws:kms:*:*:key/${aws:username}",
                                                      "arn:aws:kms:${aws:PrincipalTag/Star}:*:key/a",
                                                      "arn:aws:iam::*:role/*/admin",
                                                      "arn:aws:kms:eu:${aws:PrincipalAccount}:key/x:*",
                                                      "arn:aws:kms:*:*:${aws:PrincipalTag/x, 'key'}/${*}",
                                                      "arn:aws:kms:eu?111122223333:*:*"};
  static constexpr const char* kAddresses[] = {"10.1.2.3", "10.255.0.1", "2001:db8::1", "::ffff:10.1.2.3", ""};
  static constexpr const char* kArns[] = {"arn:aws:iam::111122223333:user/anna",
                                          "arn:aws:iam::444455556666:user/anna",
                                          "arn:aws:iam::111122223333:user/bob",
                                          "arn:aws:iam::111122223333:role/admin",
                                          "arn:aws:iam::444455556666:role/admin",
                                          "arn:aws:sts::111122223333:assumed-role/admin/s1",
                                          "arn:aws:sts::111122223333:federated-user/bob",
                                          "arn:aws:iam::111122223333:root",
                                          "arn:aws:iam::444455556666:root",
                                          "111122223333",
                                          "444455556666",
                                          "*"};

  boost::json::value OneOrMore(const std::vector<std::string>& texts) {
    if (texts.size() == 1 && Chance(2)) return boost::json::value(texts[0]);
    boost::json::array list;
    for (const std::string& text : texts) list.emplace_back(text);
    return list;
  }
  template <std::size_t N>
  std::vector<std::string> Some(const char* const (&words)[N]) {
    std::vector<std::string> some;
    for (std::size_t i = 0; i <= Below(2); ++i) some.emplace_back(Pick(words));
    return some;
  }

  boost::json::value Principal(ports::PolicyKind kind) {
    static const char* const kServices[] = {"kms.amazonaws.com", "ec2.amazonaws.com"};
    static const char* const kProviders[] = {"arn:aws:iam::111122223333:oidc-provider/idp.example",
                                             "arn:aws:iam::444455556666:oidc-provider/idp.example"};
    if (Chance(6)) return "*";
    boost::json::object principal;
    if (!Chance(5)) {
      std::vector<std::string> names = Some(kArns);
      while (Chance(2)) names.emplace_back(Pick(kArns));
      principal["AWS"] = OneOrMore(names);
    }
    if (Chance(5)) principal["Service"] = OneOrMore(Some(kServices));
    if (kind != ports::PolicyKind::kKey && Chance(5)) principal["Federated"] = OneOrMore(Some(kProviders));
    if (principal.empty()) principal["AWS"] = "111122223333";
    return principal;
  }

  boost::json::object Statement(ports::PolicyKind kind, bool of_resource) {
    boost::json::object statement;
    const bool allow = !Chance(4);
    statement["Effect"] = allow ? "Allow" : "Deny";
    if (of_resource) statement[!allow && Chance(3) ? "NotPrincipal" : "Principal"] = Principal(kind);
    if (kind == ports::PolicyKind::kTrust) {
      statement["Action"] = Chance(3) ? "sts:*" : "sts:AssumeRole";
    } else {
      if (kind != ports::PolicyKind::kKey || !Chance(10))
        statement[Chance(6) ? "NotAction" : "Action"] = OneOrMore(Some(kActionPatterns));
      if (kind != ports::PolicyKind::kKey || !Chance(10)) {
        std::vector<std::string> resources = Some(kResourcePatterns);
        if (Chance(2)) resources = {"*"};
        statement[Chance(6) ? "NotResource" : "Resource"] = OneOrMore(resources);
      }
    }
    if (Chance(2)) statement["Condition"] = ConditionOf(kind);
    return statement;
  }

  boost::json::object ConditionOf(ports::PolicyKind kind) {
    boost::json::object condition;
    for (std::size_t i = 0; i <= Below(2); ++i) AddOperator(kind, condition);
    return condition;
  }

  void AddOperator(ports::PolicyKind kind, boost::json::object& condition) {
    static const char* const kTextOperators[] = {
        "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase",
        "StringLike",   "StringNotLike"};
    static const char* const kNumberOperators[] = {"NumericEquals",      "NumericNotEquals",
                                                   "NumericLessThan",    "NumericLessThanEquals",
                                                   "NumericGreaterThan", "NumericGreaterThanEquals"};
    static const char* const kDateOperators[] = {"DateEquals",         "DateNotEquals",   "DateLessThan",
                                                 "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"};
    static const char* const kArnOperators[] = {"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"};
    static const char* const kIpOperators[] = {"IpAddress", "NotIpAddress"};
    static const char* const kTextValues[] = {"IT",
                                              "it",
                                              "R?A*",
                                              "RSA",
                                              "*",
                                              "",
                                              "${aws:username}",
                                              "${aws:PrincipalTag/Dept}",
                                              "${aws:PrincipalTag/Dept, 'IT'}",
                                              "${*}",
                                              "${aws:PrincipalTag/Star}",
                                              "?t",
                                              "a*b",
                                              "User",
                                              "eu",
                                              "true",
                                              "${kms:Names}"};
    static const char* const kNumbers[] = {"7", "-1", "7.0", "1767225600", "0", "43200"};
    static const char* const kDates[] = {
        "2026-01-01T00:00:00Z",   "2026-01-01",       "1767268800", "2026-01-01T12:00:00.000Z",
        "2026-01-01T13:00+01:00", "2026-01-02T00:00Z"};
    static const char* const kBools[] = {"true", "false", "True"};
    static const char* const kBlobs[] = {"AQID", "AQIE", ""};
    static const char* const kRanges[] = {"10.0.0.0/8",    "10.1.2.3",  "10.1.2.2/31",
                                          "2001:db8::/32", "0.0.0.0/0", "::/0"};
    static const char* const kArnPatterns[] = {"arn:aws:iam::111122223333:user/*",
                                               "arn:aws:iam::*:role/admin",
                                               "arn:aws:*",
                                               "*",
                                               "arn:aws:iam:*:user/anna",
                                               "arn:aws:kms:?u:${aws:PrincipalAccount}:key/a",
                                               "${aws:PrincipalArn}"};
    std::string name;
    boost::json::value values;
    switch (Below(10)) {
      case 0:
        name = Pick(kNumberOperators);
        values = OneOrMore(Some(kNumbers));
        break;
      case 1:
        name = Pick(kDateOperators);
        values = OneOrMore(Some(kDates));
        break;
      case 2:
        name = "Bool";
        values = OneOrMore(Some(kBools));
        break;
      case 3:
        name = Chance(2) ? "BinaryEquals" : "Null";
        values = name == "Null" ? OneOrMore(Some(kBools)) : OneOrMore(Some(kBlobs));
        break;
      case 4:
        name = Pick(kIpOperators);
        values = OneOrMore(Some(kRanges));
        break;
      case 5:
        name = Pick(kArnOperators);
        values = OneOrMore(Some(kArnPatterns));
        break;
      default: name = Pick(kTextOperators); values = OneOrMore(Some(kTextValues));
    }
    std::string key = KeyFor(name);
    if (name != "Null") {
      // In key policies ForAllValues is refused for keys of one value.
      const bool one = key.find("ontext:") != std::string::npos;
      if (Chance(4))
        name = ((Chance(2) && !(one && kind == ports::PolicyKind::kKey)) ? "ForAllValues:" : "ForAnyValue:") + name;
      if (Chance(4)) name += "IfExists";
    }
    boost::json::object& keys =
        condition[name].is_null() ? condition[name].emplace_object() : condition[name].get_object();
    keys[key] = std::move(values);
  }

  std::string KeyFor(const std::string& op) {
    static const char* const kGlobals[] = {"aws:PrincipalArn",
                                           "aws:PrincipalAccount",
                                           "aws:PrincipalType",
                                           "aws:PrincipalTag/Dept",
                                           "aws:principaltag/dept",
                                           "aws:userid",
                                           "aws:username",
                                           "aws:SecureTransport",
                                           "aws:RequestedRegion",
                                           "aws:MultiFactorAuthPresent",
                                           "aws:SourceIdentity",
                                           "aws:PrincipalIsAWSService",
                                           "idp.example:sub",
                                           "aws:ResourceAccount",
                                           "kms:X",
                                           "aws:UserAgent",
                                           "aws:ViaAWSService"};
    static const char* const kTimes[] = {"aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime",
                                         "aws:MultiFactorAuthAge"};
    if (op.find("Ip") != std::string::npos && !Chance(4)) return "aws:SourceIp";
    if ((op.starts_with("Date") || op.starts_with("Numeric")) && Chance(2)) return Pick(kTimes);
    if (op.starts_with("Arn") && Chance(2)) return "aws:PrincipalArn";
    if (Chance(2)) return Pick(kContextKeys);
    return Pick(kGlobals);
  }

  std::mt19937_64 random_;
};

}  // namespace strongroom::aws
