// What most of this component's files include; compiled once.
#include "../../cmake/pch_asio.h"

#include <boost/json.hpp>

#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
