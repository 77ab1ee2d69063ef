#pragma once

namespace strongroom::cmu {

/// main of `configure`: writes an HSM's address, or the addresses of all members of its cluster, into the client's
/// configuration files. Source: spec/cloudhsm.md, 4.3.
int ConfigureMain(int argc, char** argv);

}  // namespace strongroom::cmu
