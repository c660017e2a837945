#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/host_error.h"
#include "host/snapshots.h"

// What a workload sends its clients on to, as the host knows it.
namespace evloopd::host {

// One entry of the list: an address, or a name that stands for as many addresses as the DNS answers.
struct UpstreamSpec {
  std::string address{};    // "10.0.0.5:80", "[::1]:80", "unix:/run/x.sock"
  std::string dns{};        // instead: "app.internal:80" (A, AAAA), "_app._tcp.internal" (SRV)
  int weight = 1;           // 1 to 256: its share of the clients
  bool backup = false;      // used only while no other is up
  int max_connections = 0;  // to each of its addresses at once; 0: no limit

  // What it is called in metrics, logs and answers.
  [[nodiscard]] const std::string& name() const noexcept { return dns.empty() ? address : dns; }

  friend bool operator==(const UpstreamSpec&, const UpstreamSpec&) = default;
};

// The upstreams of one workload. Any thread; reads do not wait for a loop.
class Upstreams {
 public:
  // Replaces the list. Addresses that stay keep their health, counters and connections; those that go get no new client
  // and keep the connections they have. BAD_ARGUMENT, and nothing is changed, for an entry that is wrong or there
  // twice.
  virtual HostResult<void> set(std::vector<UpstreamSpec> list) = 0;
  [[nodiscard]] virtual UpstreamsSnapshot snapshot() const = 0;

 protected:
  ~Upstreams() = default;
};

}  // namespace evloopd::host
