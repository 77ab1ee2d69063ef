#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dispatch/operation.h"
#include "iam/errors.h"
#include "iam/names.h"
#include "iam/service.h"

namespace strongroom::iam {

/// A call as a job on a store thread has it: copies, since the job may outlive the request.
struct Actor {
  Actor(const Iam& iam, aws::Call& call);

  /// Notes in the call what was touched, for the audit trail. For the call's own coroutine.
  void Touched(const std::vector<std::string>& arns) const;

  const ports::Authorizer* authorizer;
  Limits limits;
  ports::Caller caller;
  std::string_view operation, action;  // literals
  std::string region, source_ip, user_agent;
  ports::WallTime time;
  boost::json::object body;

 private:
  aws::Call* call_;  // not for jobs, which may outlive it
};

/// One operation inside its transaction. It may run more than once, each time with a fresh Work.
class Work {
 public:
  Work(store::Transaction& transaction, const Actor& actor)
      : t(transaction), in(actor.body), limits(actor.limits), actor_(actor) {}

  store::Transaction& t;
  const aws::Fields in;
  const Limits& limits;
  /// Condition keys that the operation finds ("iam:PolicyARN"); asked by Authorize.
  ports::ConditionContext conditions;

  const ports::Caller& caller() const noexcept { return actor_.caller; }
  const std::string& account() const noexcept { return actor_.caller.account; }
  const ports::Authorizer& authorizer() const noexcept { return *actor_.authorizer; }
  ports::WallTime time() const noexcept { return actor_.time; }
  /// May the caller do this operation's action to the resource, which is in the caller's account? Errors:
  /// kAccessDenied.
  Status Authorize(std::string_view resource_arn) const;
  /// The same for another action than the operation's.
  Status Authorize(std::string_view action, std::string_view resource_arn) const;
  /// ARNs of the things that Authorize was asked about.
  const std::vector<std::string>& touched() const noexcept { return touched_; }
  /// Tells all front ends that what `id` may do has changed.
  Status Changed(std::string_view id) { return t.Change(kPrincipalChange, account(), "", id); }

 private:
  const Actor& actor_;
  mutable std::vector<std::string> touched_;
};

/// Runs `fn`, a `Result<T>(Work&)`, in a transaction of its own on the actor's behalf: for operations of several steps.
template <typename T, typename F>
Task<Result<T>> RunFor(Iam& iam, std::shared_ptr<const Actor> actor, store::Access access, F fn) {
  auto touched = std::make_shared<std::vector<std::string>>();
  auto job = [actor, touched, step = std::move(fn)](store::Transaction& transaction) -> Result<T> {
    Work work(transaction, *actor);
    Result<T> done = step(work);
    *touched = work.touched();
    return done;
  };
  if (access == store::Access::kRead) {
    Result<T> done = co_await iam.database().RunRead(std::move(job));
    actor->Touched(*touched);
    co_return done;
  }
  Result<T> done = co_await iam.database().Run(std::move(job));
  actor->Touched(*touched);
  co_return done;
}

using WorkFn = std::function<Result<aws::Reply>(Work&)>;
/// The same for operations of one step.
Task<Result<aws::Reply>> RunWork(Iam& iam, aws::Call& call, store::Access access, WorkFn fn);

/// Handlers of operations that are one transaction: `.handler = Reading<&GetUser>`.
template <Result<aws::Reply> (*Fn)(Work&)>
Task<Result<aws::Reply>> Reading(void* iam, aws::Call& call) {
  return RunWork(*static_cast<Iam*>(iam), call, store::Access::kRead, Fn);
}
template <Result<aws::Reply> (*Fn)(Work&)>
Task<Result<aws::Reply>> Writing(void* iam, aws::Call& call) {
  return RunWork(*static_cast<Iam*>(iam), call, store::Access::kWrite, Fn);
}

/// The same for what is alike for users, groups and roles: `.handler = WritingKind<&AttachPolicy, Kind::kUser>`.
template <Result<aws::Reply> (*Fn)(Work&, Kind), Kind kKind>
Task<Result<aws::Reply>> ReadingKind(void* iam, aws::Call& call) {
  return RunWork(*static_cast<Iam*>(iam), call, store::Access::kRead, [](Work& work) { return Fn(work, kKind); });
}
template <Result<aws::Reply> (*Fn)(Work&, Kind), Kind kKind>
Task<Result<aws::Reply>> WritingKind(void* iam, aws::Call& call) {
  return RunWork(*static_cast<Iam*>(iam), call, store::Access::kWrite, [](Work& work) { return Fn(work, kKind); });
}

/// The answer of operations without output.
inline Result<aws::Reply> Done() { return aws::Reply::NoBody(); }

}  // namespace strongroom::iam
