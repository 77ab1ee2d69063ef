#include "aws/dispatch/registry.h"

namespace strongroom::aws {

Result<Registry> Registry::Create(const std::vector<Service>& services) {
  Registry registry;
  for (const Service& service : services) {
    const std::string name(service.name);
    const model::ServiceModel* model = model::BuiltIn(service.name);
    if (model == nullptr) return Error(Errc::kInvalidArgument, "There is no model of the service " + name + ".");
    if (service.errors == nullptr) return Error(Errc::kInvalidArgument, "The service " + name + " has no error table.");
    for (const Operation* operation : service.operations) {
      auto route = std::make_unique<Route>();
      route->service = &service;
      route->operation = operation;
      route->shape = model->Find(operation->name());
      route->metric = registry.routes_.size();
      const std::string target(operation->target);
      if (route->shape == nullptr || operation->handler == nullptr) {
        return Error(Errc::kInvalidArgument, target + " is unknown to its model, or has no handler.");
      }
      for (const ConstraintOverride& one : service.overrides) {
        if (one.operation != operation->name()) continue;
        if (route->shape->input->Find(one.member) == nullptr) {
          return Error(Errc::kInvalidArgument, target + " has no member " + std::string(one.member) + ".");
        }
        route->overrides.push_back(one);
      }
      if (!registry.by_target_.emplace(operation->target, route.get()).second) {
        return Error(Errc::kInvalidArgument, target + " is listed twice.");
      }
      registry.routes_.push_back(std::move(route));
    }
  }
  return registry;
}

const Route* Registry::FindTarget(std::string_view target) const {
  const auto found = by_target_.find(target);
  return found == by_target_.end() || found->second->service->protocol != Protocol::kJson11 ? nullptr : found->second;
}

const Route* Registry::FindAction(const Service& service, std::string_view action) const {
  for (const auto& route : routes_) {
    if (route->service == &service && route->operation->name() == action) return route.get();
  }
  return nullptr;
}

}  // namespace strongroom::aws
