#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "net/socket_address.h"
#include "workloads/dns/dns_name.h"
#include "workloads/dns/options.h"
#include "workloads/dns/record.h"

namespace evloopd::workloads {

struct DnsAnswer {
  std::vector<evloop::SocketAddress> addresses;  // each once, at least one
  evloop::Duration ttl;                          // the shortest of all that the answer is made of
};

// Asks name servers, by c-ares on the loop: no thread, and the time that an answer is good for, which getaddrinfo()
// does not tell. /etc/hosts counts too. Loop thread only.
class DnsClient {
 public:
  // Throws OsError if the servers make no sense.
  DnsClient(evloop::EventLoop& loop, const DnsOptions& options);
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;
  ~DnsClient();

  // Of a service: what the SRV records of the lowest priority lead to. Throws std::system_error of dns_category().
  // Bound in time by wait_for(). This outlives it.
  evloop::Coro<DnsAnswer> lookup(DnsName name);
  // What the name servers have of a name, as records_of() writes it; at least one. Throws likewise; this outlives it.
  evloop::Coro<std::vector<std::string>> records(std::string name, DnsType type);

 private:
  struct Ares;  // c-ares' view of this one; ares.h stays out of the header

  struct Service {
    std::string host;
    std::uint16_t port;
  };
  struct Services {
    std::vector<Service> list;
    evloop::Duration ttl;
  };
  evloop::Coro<DnsAnswer> addresses_of(std::string host, std::uint16_t port);
  evloop::Coro<Services> services_of(std::string name);

  void watch(int fd, bool readable, bool writable);
  void process(int readable, int writable);
  void set_timer();

  evloop::EventLoop& loop_;
  const std::unique_ptr<Ares> ares_;
  evloop::TimerHandle timer_;
};

}  // namespace evloopd::workloads
