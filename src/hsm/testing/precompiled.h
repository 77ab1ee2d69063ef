#include "../../../cmake/pch_test.h"

#include "hsm/replica/testing/test_cluster.h"
#include "hsm/session/testing/test_hsm.h"
