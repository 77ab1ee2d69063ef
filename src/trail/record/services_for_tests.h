#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "trail/record/shown.h"

namespace strongroom::trail {

/// All operations of the built-in models, as the dispatcher would have them.
class Services {
 public:
  Services() {
    for (const std::string name : {"kms", "cloudhsm", "sts", "iam", "strongroom", "cloudtrail"}) {
      const auto text = ReadFile(std::string(STRONGROOM_SOURCE_DIR) + "/src/aws/model/" + name + ".json", 16 << 20);
      EXPECT_TRUE(text.ok());
      models[name] = boost::json::parse(*text).as_object();
      for (const auto& [operation, row] : models[name].at("operations").as_object()) {
        targets.push_back(std::make_unique<std::string>("Target." + std::string(operation)));
        operations[name].push_back(std::make_unique<aws::Operation>(
            aws::Operation{.target = *targets.back(), .iam_action = "", .handler = nullptr}));
        rows[name].push_back(operations[name].back().get());
      }
    }
    for (const auto& [name, list] : rows)
      all.push_back({.name = name,
                     .signing_name = name,
                     .event_source = sources[name] = name + ".amazonaws.com",
                     .operations = list});
  }
  const aws::Service& Get(std::string_view name) const { return *std::ranges::find(all, name, &aws::Service::name); }
  const aws::Operation& Operation(std::string_view service, std::string_view name) const {
    for (const auto& one : operations.at(std::string(service)))
      if (one->name() == name) return *one;
    ADD_FAILURE() << "no operation " << name;
    return *operations.at(std::string(service)).front();
  }

  std::map<std::string, boost::json::object> models;
  std::vector<std::unique_ptr<std::string>> targets;
  std::map<std::string, std::vector<std::unique_ptr<aws::Operation>>> operations;
  std::map<std::string, std::vector<const aws::Operation*>> rows;
  std::map<std::string, std::string> sources;
  std::vector<aws::Service> all;
};
inline const Services& All() {
  static const Services services;
  return services;
}
inline const Shown& Tables() {
  static const Shown shown(All().all);
  return shown;
}

}  // namespace strongroom::trail
