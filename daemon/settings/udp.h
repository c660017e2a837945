#pragma once

#include <string>
#include <vector>

#include "settings/address.h"
#include "settings/value.h"
#include "workloads/options.h"

namespace evloopd::settings {

// The keys of a udp.relay, which listens at `listeners`.
[[nodiscard]] workloads::UdpRelayOptions read_udp_relay(Mapping& keys, const std::vector<Address>& listeners);

// The same keys, a line each.
[[nodiscard]] std::vector<std::string> print_udp_relay(const workloads::UdpRelayOptions& options);

}  // namespace evloopd::settings
