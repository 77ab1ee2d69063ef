#include "cmu/configure.h"

int main(int argc, char** argv) { return strongroom::cmu::ConfigureMain(argc, argv); }
