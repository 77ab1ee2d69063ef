// What most of this component's files include; compiled once.
#include "../../cmake/pch_asio.h"

#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/replica/core.h"
#include "hsm/session/token_keys.h"
