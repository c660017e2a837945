#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/resolve.h"
#include "workloads/dns/options.h"

namespace evloopd::workloads {

// Looks up the host of a connection by a DnsClient of its own, each time: no thread of the executor waits for name
// servers. Immutable; any thread.
class DnsResolver final : public evloop::Resolver {
 public:
  explicit DnsResolver(DnsOptions options) : options_(std::move(options)) {}

  // Throws as DnsClient does.
  evloop::Coro<std::vector<evloop::AddressInfo>> getaddrinfo(evloop::EventLoop& loop, std::string host,
                                                             evloop::Port port, evloop::AddressHints hints) override;

 private:
  const DnsOptions options_;
};

}  // namespace evloopd::workloads
