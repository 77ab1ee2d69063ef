#pragma once

#include "hsm/replica/replica.h"
#include "hsm/session/engine.h"

namespace strongroom {

/// Where the process ends when a test says so, at any step between a change's arrival and its answer. The file
/// `crash-at` in the HSM's directory holds a step's name and at which passing of it ("applied 1"); it is then called
/// `crashed-at`. The steps: received, admitted, decided, written-ahead, offered, marked, applied, answering, answered.
///
/// Linked into the `dev` preset's strongroom-hsm and into strongroom-hsm-crashpoints, which is not shipped; every other
/// strongroom-hsm has functions that do nothing (no_crash_points.cpp).
void AddCrashPoints(hsm::replica::ReplicaOptions& options);
void AddCrashPoints(hsm::EngineOptions& options);

}  // namespace strongroom
