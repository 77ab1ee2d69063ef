// What most of this component's files include; compiled once.
#include "../../cmake/pch_service.h"

#include "kms/grants/rows.h"
#include "kms/keys/metadata.h"
#include "kms/keys/rotation.h"
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"
