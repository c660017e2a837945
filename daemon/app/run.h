#pragma once

#include "settings/kinds.h"

namespace evloopd::app {

// The whole program: reads the arguments and the configuration, and runs the daemon until a signal. A program that
// hosts kinds of workloads of its own calls it with these and, if it wants them, the standard ones. Answers the exit
// status; where a thread is stuck in a callback, it ends the process itself.
int run(int argc, char** argv, const settings::Kinds& kinds = settings::standard_kinds());

}  // namespace evloopd::app
