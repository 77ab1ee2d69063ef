#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aws/dispatch/service.h"
#include "aws/model/service_model.h"
#include "base/result.h"

namespace strongroom::aws {

/// One operation as the dispatcher needs it.
struct Route {
  const Service* service = nullptr;
  const Operation* operation = nullptr;
  const model::OperationShape* shape = nullptr;
  std::vector<ConstraintOverride> overrides;
  std::size_t metric = 0;
};

/// All operations of all services, found by target.
class Registry {
 public:
  /// `services` outlive the registry. Errors: kInvalidArgument when an operation is listed twice, unknown to its model,
  /// without handler, or a service lacks its table of errors.
  static Result<Registry> Create(const std::vector<Service>& services);

  /// JSON services: by X-Amz-Target. Null when unknown.
  const Route* FindTarget(std::string_view target) const;
  /// Query services: by the scope's service and Action. Null when unknown.
  const Route* FindAction(const Service& service, std::string_view action) const;
  const std::vector<std::unique_ptr<Route>>& routes() const noexcept { return routes_; }

 private:
  std::vector<std::unique_ptr<Route>> routes_;
  std::unordered_map<std::string_view, const Route*> by_target_;
};

}  // namespace strongroom::aws
