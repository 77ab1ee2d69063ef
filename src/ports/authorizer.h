#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <forward_list>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/credentials.h"

namespace strongroom::ports {

/// Names of condition keys, of which case is ignored.
struct ConditionKeyLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](char x, char y) { return Lower(x) < Lower(y); });
  }
  static constexpr char Lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
};
/// Condition keys of a request ("kms:EncryptionContext:Dept", "aws:RequestTag/x") and their values: as texts, numbers
/// in decimal, booleans as true and false, times in ISO 8601 or in seconds of the epoch.
using ConditionContext = std::map<std::string, std::vector<std::string>, ConditionKeyLess>;

/// Where a ConditionSource puts the values of one key.
class ConditionValues {
 public:
  /// The text outlives the decision.
  void Add(std::string_view text) { views_.push_back(text); }
  /// The text is kept here.
  void Keep(std::string text) { views_.push_back(kept_.emplace_front(std::move(text))); }
  void Clear() {
    views_.clear();
    kept_.clear();
  }
  auto begin() const { return views_.begin(); }
  auto end() const { return views_.end(); }
  std::size_t size() const { return views_.size(); }

 private:
  boost::container::small_vector<std::string_view, 8> views_;
  std::forward_list<std::string> kept_;
};

/// Condition keys that are worked out only when a policy asks for them: the way for a service's own keys on the path of
/// every request. Asked from the thread that decides, during the decision only.
class ConditionSource {
 public:
  virtual ~ConditionSource() = default;
  /// Puts the values of `key` (in the policy's spelling: its case is to be ignored) into `values`; false when the
  /// request has no such key. A key without values counts as one that the request has not.
  virtual bool Find(std::string_view key, ConditionValues& values) const = 0;
};

/// What a policy is for: its syntax and its part in a decision depend on it.
enum class PolicyKind : std::uint8_t {
  kIdentity,  // of a user, group or role, managed or inline
  kBoundary,  // permissions boundary of a user or role
  kSession,   // passed when temporary credentials were made
  kKey,       // of a KMS key: without its leave identity policies do not count
  kTrust,     // of a role: who may assume it; likewise
  kResource,  // of any other resource: adds to what identity policies allow
};

/// A policy made ready for evaluation, once per change of its text. Immutable; only its Authorizer looks inside.
class Policy {
 public:
  virtual ~Policy() = default;
  /// The accounts (…:root), users, roles and sessions that its statements name as principals, by ARN, each once.
  virtual std::vector<std::string> NamedPrincipals() const { return {}; }
};

struct NamedPolicy {
  std::string name;  // ARN, or the name of an inline policy: what simulators call SourcePolicyId
  std::shared_ptr<const Policy> policy;
};

/// The policies of a principal: of kinds kIdentity, kBoundary and kSession. Immutable once a Caller holds it.
struct PrincipalPolicies {
  std::vector<NamedPolicy> identity;                // the principal's own and those of its groups
  bool identity_allows_all = false;                 // the account's root is behind this session
  std::optional<NamedPolicy> boundary;              // limits; absent: no limit
  std::optional<std::vector<NamedPolicy>> session;  // limits; absent: no limit, empty: allows nothing
  bool unreadable = false;  // one of them is gone or cannot be read: it might deny, so everything is denied
};

/// Facts of the request that answer global condition keys. Every view outlives the decision.
struct RequestFacts {
  std::string_view source_ip;    // empty: unknown, aws:SourceIp is absent
  std::string_view user_agent;   // likewise
  std::string_view region;       // likewise
  std::optional<WallTime> now;   // aws:CurrentTime, aws:EpochTime; absent: unknown
  bool secure_transport = true;  // over TLS
};

struct Explanation;

/// May `caller` do `action` to `resource`? Every view must outlive the call only. aws/dispatch/question.h makes one of
/// a call.
struct Question {
  const Caller& caller;
  std::string_view action;                    // "kms:Encrypt"
  std::string_view resource = "*";            // the ARN, or "*" for actions without a resource
  std::string_view resource_account;          // owner of the resource; the caller's account when there is none
  const Policy* policy = nullptr;             // the resource's policy; null for actions that no policy governs
  const ConditionContext* context = nullptr;  // asked before `source` and the facts; null: none
  const ConditionSource* source = nullptr;    // null: none
  RequestFacts request{};
  Explanation* explain = nullptr;  // filled when there is one: for simulators, since it costs
};

struct Decision {
  bool allowed = false;
  /// When refused: the whole text for the caller, in AWS's words ("User: … is not authorized to perform: …").
  std::string message{};
  /// When refused: a statement denies it, so that nothing else (a grant) can allow it.
  bool explicit_deny = false;
  /// The kind of policy that decided: which allows, denies, or is the first that does not allow. Absent for a root or a
  /// service that needs none.
  std::optional<PolicyKind> decided_by{};

  /// Errors: kAccessDenied with `message` when refused.
  Status ToStatus() const {
    if (allowed) return {};
    return Error(Errc::kAccessDenied, message);
  }
};

/// A place in a policy's text, both from 1, as IAM's simulators count them.
struct TextPosition {
  std::uint32_t line = 1, column = 1;
};

/// How a decision came about.
struct Explanation {
  struct Match {
    PolicyKind kind = PolicyKind::kIdentity;
    std::string policy_name;    // NamedPolicy's; empty for the resource's policy
    std::size_t statement = 0;  // from 0
    bool allow = false;
    TextPosition start, end;  // of the statement; `end` is behind its last character
  };
  std::vector<Match> matches;             // statements that apply, denying and allowing
  std::vector<std::string> missing_keys;  // condition keys that statements ask for and the request lacks, each once
  /// What each kind by itself says; absent when there is no policy of that kind.
  std::optional<bool> identity_allows, boundary_allows, session_allows, resource_allows;
};

/// Unique ids (AIDA…, AROA…) of the principals that a resource's policy names, by ARN, as they were when it was saved:
/// a principal that is deleted and made anew under its name is another one.
using PrincipalIds = std::map<std::string, std::string, std::less<>>;

/// The policy engine behind an interface: a pure function from question to decision.
/// Threads   any number of calls at once; does not block.
/// Source    IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key policies".
class Authorizer {
 public:
  virtual ~Authorizer() = default;

  /// Parses and checks a policy. Principals in `ids` are matched by unique id, all others by their names alone.
  /// Errors: kMalformedPolicy with the text for the caller.
  Result<std::shared_ptr<const Policy>> Compile(PolicyKind kind, std::string_view text) const {
    return DoCompile(kind, text, {});
  }
  Result<std::shared_ptr<const Policy>> Compile(PolicyKind kind, std::string_view text, const PrincipalIds& ids) const {
    return DoCompile(kind, text, ids);
  }

  virtual Decision Decide(const Question& question) const = 0;

  /// Decide as a Status: kAccessDenied with the text for the caller.
  Status Authorize(const Question& question) const { return Decide(question).ToStatus(); }

 private:
  virtual Result<std::shared_ptr<const Policy>> DoCompile(PolicyKind kind, std::string_view text,
                                                          const PrincipalIds& ids) const = 0;
};

}  // namespace strongroom::ports
