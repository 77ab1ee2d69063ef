#include "../../../cmake/pch_test.h"

#include "kms/testing/fake_service.h"
