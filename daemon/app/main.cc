// evloopd: the daemon with the standard kinds of workloads.

#include "app/run.h"

int main(int argc, char** argv) { return evloopd::app::run(argc, argv); }
