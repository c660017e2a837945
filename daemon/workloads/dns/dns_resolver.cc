#include "workloads/dns/dns_resolver.h"

#include "workloads/dns/dns_client.h"

namespace evloopd::workloads {

evloop::Coro<std::vector<evloop::AddressInfo>> DnsResolver::getaddrinfo(evloop::EventLoop& loop, std::string host,
                                                                        evloop::Port port, evloop::AddressHints hints) {
  DnsClient client(loop, options_);
  const auto answer = co_await client.lookup({.host = std::move(host), .port = port.number().value_or(0)});
  std::vector<evloop::AddressInfo> all;
  for (const auto& address : answer.addresses)
    if (hints.family == AF_UNSPEC || hints.family == address.family())
      all.push_back({.family = address.family(),
                     .type = hints.type,
                     .proto = hints.proto,
                     .canonical_name = {},
                     .address = address});
  co_return all;
}

}  // namespace evloopd::workloads
