#pragma once

#include <string>
#include <vector>

#include "settings/address.h"
#include "settings/kind.h"
#include "settings/value.h"
#include "workloads/upstreams/options.h"

namespace evloopd::settings {

// Reads those keys of a workload that are about its upstreams. It listens at `listeners`. `may_exec`: checks may run
// programs.
[[nodiscard]] workloads::UpstreamsOptions read_upstreams(Mapping& keys, const std::vector<Address>& listeners,
                                                         bool may_exec);

// The same keys, a line each.
[[nodiscard]] std::vector<std::string> print_upstreams(const workloads::UpstreamsOptions& options,
                                                       const Hidden& hidden);

// The list alone, of upstreams that datagrams are sent to: IP addresses.
[[nodiscard]] std::vector<host::UpstreamSpec> read_datagram_upstreams(const Value& list,
                                                                      const std::vector<Address>& listeners);
[[nodiscard]] std::vector<std::string> print_upstream_list(const std::vector<host::UpstreamSpec>& list);

}  // namespace evloopd::settings
