// What the operations of every AWS service include.
#include "pch_asio.h"

#include <boost/json.hpp>

#include "aws/dispatch/operation.h"
#include "aws/dispatch/service.h"
#include "base/log.h"
#include "store/change_feed.h"
#include "store/database.h"
