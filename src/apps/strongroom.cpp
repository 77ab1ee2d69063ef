#include "cli/command.h"

int main(int argc, char** argv) { return strongroom::cli::Main(argc, argv); }
