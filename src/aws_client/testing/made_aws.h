#pragma once

#include <map>
#include <string>

#include "aws_client/aws.h"

namespace strongroom::aws_client::testing_kit {

/// Clients with keys of the environment, nothing of the machine's own configuration, and quick retries' bounds.
inline Aws MadeAws(std::map<std::string, std::string, std::less<>> more = {}) {
  std::map<std::string, std::string, std::less<>> variables{{"AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"},
                                                            {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                            {"AWS_REGION", "eu-central-1"},
                                                            {"AWS_CONFIG_FILE", "/nonexistent"},
                                                            {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"}};
  for (auto& [name, value] : more) variables.insert_or_assign(name, value);
  return OpenAws({.environment = EnvironmentOf(std::move(variables))}).value();
}

}  // namespace strongroom::aws_client::testing_kit
