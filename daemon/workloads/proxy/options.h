#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/fault_spec.h"
#include "net/tls/tls_context.h"

// What tcp.proxy takes about its clients' connections. Plain values; settings/ fills them. 0 of a time or a limit:
// none.
namespace evloopd::workloads {

// Those of a tunnel are coarse: they end it at most a quarter of their time late, and cost nothing per byte.
struct ProxyTimeouts {
  std::chrono::nanoseconds greeting = std::chrono::seconds(10);   // for a client's PROXY header and TLS handshake
  std::chrono::nanoseconds first_byte{};                          // of the upstream, once it is connected
  std::chrono::nanoseconds idle = std::chrono::minutes(10);       // without a byte in either direction
  std::chrono::nanoseconds half_close = std::chrono::minutes(1);  // the same, when one side has ended
  std::chrono::nanoseconds lifetime{};                            // from accept to end, whatever happens

  friend bool operator==(const ProxyTimeouts&, const ProxyTimeouts&) = default;
};

// Over all loops and listeners of the workload. Who is over one is closed at once.
struct ProxyLimits {
  std::size_t connections = 0;  // open at a time
  std::size_t per_source = 0;   // of one IPv4 address, or one IPv6 /64
  std::size_t accept_rate = 0;  // a second; as many may come at once

  friend bool operator==(const ProxyLimits&, const ProxyLimits&) = default;
};

// Networks such as "10.0.0.0/8" or "2001:db8::/32"; an address stands for itself. The longest prefix that a client is
// in decides, and of two the same `deny`. In none: it may come if `allow` is empty.
struct ProxyAccess {
  std::vector<std::string> allow{};
  std::vector<std::string> deny{};

  friend bool operator==(const ProxyAccess&, const ProxyAccess&) = default;
};

enum class ProxyHeaderVersion : std::uint8_t { none, v1, v2 };

// The PROXY protocol.
struct ProxyProtocolOptions {
  std::vector<std::string> from{};  // networks whose connections begin with a header, in either version; others' do not
  ProxyHeaderVersion send = ProxyHeaderVersion::none;  // to upstreams

  friend bool operator==(const ProxyProtocolOptions&, const ProxyProtocolOptions&) = default;
};

struct AccessLogOptions {
  std::string path{};  // of a file that grows; empty: no log

  friend bool operator==(const AccessLogOptions&, const AccessLogOptions&) = default;
};

// TLS with clients, if there is a certificate; each is a PEM file with its chain and its private key. The first serves
// whom no other names; each other one those who ask for a name of it.
struct ProxyTlsListen {
  std::vector<std::string> certificates{};
  std::string client_ca{};                             // file; empty: whom the system trusts
  evloop::TlsVerify verify = evloop::TlsVerify::none;  // of clients' certificates
  std::vector<std::string> alpn{};                     // the first that the client speaks too is chosen
  evloop::TlsVersion minimum_version = evloop::TlsVersion::tls_1_2;

  friend bool operator==(const ProxyTlsListen&, const ProxyTlsListen&) = default;
};

// TLS with upstreams. The protocol that the client agreed on (ALPN) is what the upstream is asked for.
struct ProxyTlsConnect {
  bool enabled = false;
  std::string ca{};           // file; empty: whom the system trusts
  bool verify = true;         // its certificate, and that it is for its name
  std::string server_name{};  // empty: whom the client asked for (SNI), or else the address
  std::string certificate{};  // PEM file for those who ask for one, with its key

  friend bool operator==(const ProxyTlsConnect&, const ProxyTlsConnect&) = default;
};

// Those who ask for this name, "*.example.org" for those with one label more, go to these upstreams and no others.
// Without a certificate to serve TLS with, it is read from the client's first message, and all goes through as it is.
struct ProxyRoute {
  std::string server_name;
  std::vector<std::string> upstreams;  // addresses

  friend bool operator==(const ProxyRoute&, const ProxyRoute&) = default;
};

struct ConnectionOptions {
  ProxyTimeouts timeouts{};
  ProxyLimits limits{};
  ProxyAccess access{};
  ProxyProtocolOptions proxy_protocol{};
  AccessLogOptions access_log{};
  ProxyTlsListen tls_listen{};
  ProxyTlsConnect tls_connect{};
  std::vector<ProxyRoute> routes{};
  host::FaultSpec faults{};

  friend bool operator==(const ConnectionOptions&, const ConnectionOptions&) = default;
};

}  // namespace evloopd::workloads
