// What most of this component's files include; compiled once.
#include "../../cmake/pch_asio.h"

#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"
