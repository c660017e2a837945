#pragma once

#include <string>

#include "evloopd/control/v1/workload_service.pb.h"
#include "host/loop_host.h"

namespace evloopd::control {

// Does what the request says to the faults of that workload. BAD_ARGUMENT names the field of the request.
[[nodiscard]] host::HostResult<void> set_faults(host::LoopHost& host, const std::string& workload,
                                                const v1::SetFaultsRequest& request);

}  // namespace evloopd::control
