#pragma once

#include <string>

#include "base/result.h"
#include "control.pb.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// The certificate under which an HSM's device key was certified is kept, so that what the HSM says at its end can be
/// held against it. Kept in table `deployment` until the HSM is gone.
Status RememberDevice(store::Transaction& t, const std::string& hsm_id, ByteView certificate);
Status ForgetDevice(store::Transaction& t, const std::string& hsm_id);

/// Whether the HSM has proved that it zeroised itself (docs/formats.md 10). One whose device key was never certified
/// has nothing to prove: no secret was ever wrapped to it. Errors: kUntrusted, saying what is wrong; the store's.
Status CheckZeroized(store::Transaction& t, const std::string& hsm_id, const proto::Zeroize& proof);

/// What an operator is told when there is no such proof.
std::string CountsAsCompromised(const std::string& hsm_id);

}  // namespace strongroom::cloudhsm
