#pragma once

#include "host/job.h"

namespace evloopd::host {

// The kinds of jobs that every daemon has:
//   sleep      duration ("500ms")                     waits, and answers with how long it was
//   probe.tcp  address ("127.0.0.1:80"), timeout      connects, and answers with how long that took
void add_standard_jobs(JobCatalogue& jobs);

}  // namespace evloopd::host
