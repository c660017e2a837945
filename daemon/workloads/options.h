#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/proxy/options.h"
#include "workloads/upstreams/options.h"

// What the built-in kinds take. Plain values; settings/ fills them, workloads/ uses them.
namespace evloopd::workloads {

using std::chrono::nanoseconds;

// Sends back what it gets.
struct TcpEchoOptions {};

// Takes what comes, and sends nothing.
struct TcpDiscardOptions {};

// Answers every HTTP/1.1 request with one fixed reply.
struct HttpRespondOptions {
  int status = 200;
  std::string body = "hello\n";
  std::string content_type = "text/plain; charset=utf-8";
  nanoseconds idle_timeout = std::chrono::seconds(60);  // of a keep-alive connection between requests

  friend bool operator==(const HttpRespondOptions&, const HttpRespondOptions&) = default;
};

// Relays bytes between a client and one of several upstreams.
struct TcpProxyOptions {
  UpstreamsOptions upstreams{};
  std::size_t buffer = 256 * 1024;  // bytes held for a slow reader, in each direction, at most
  ConnectionOptions connection{};

  friend bool operator==(const TcpProxyOptions&, const TcpProxyOptions&) = default;
};

// Relays datagrams between clients and upstreams.
struct UdpRelayOptions {
  std::vector<host::UpstreamSpec> upstreams{};  // IP addresses, no names
  Balance balance = Balance::round_robin;       // of sessions
  nanoseconds idle = std::chrono::seconds(60);  // a session without a datagram in either direction ends
  std::uint32_t most = 10'000;                  // sessions at a time, over all loops
  std::uint32_t per_source = 0;                 // of one IPv4 address, or one IPv6 /64; 0: no limit
  std::size_t max_datagram = 65535;             // bytes; longer ones are dropped

  friend bool operator==(const UdpRelayOptions&, const UdpRelayOptions&) = default;
};

}  // namespace evloopd::workloads
