#include "cmu/mgmt_util.h"

int main(int argc, char** argv) { return strongroom::cmu::MgmtUtilMain(argc, argv); }
