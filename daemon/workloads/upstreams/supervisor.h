#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "workloads/dns/dns_client.h"
#include "workloads/upstreams/pool.h"

namespace evloopd::workloads {

// Checks the endpoints of a pool and looks up its names, in a task for each, on the one loop that does so for all. Its
// share owns it. Loop thread only.
class Supervisor {
 public:
  Supervisor(evloop::EventLoop& loop, std::shared_ptr<Pool> pool) : loop_(loop), pool_(std::move(pool)) {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { rest(); }

  // To be called again and again, about once a second: starts what is new and ends what is no more.
  void work();
  // Another loop does it.
  void rest() noexcept;

 private:
  struct Check {
    evloop::Ref<Endpoint> endpoint;
    evloop::Task<void> task;
  };

  void check(const std::vector<evloop::Ref<Endpoint>>& wanted);
  void resolve(const std::vector<std::string>& wanted);

  evloop::EventLoop& loop_;
  const std::shared_ptr<Pool> pool_;
  std::vector<Check> checks_;
  std::shared_ptr<DnsClient> dns_;  // from the first name on
  std::map<std::string, evloop::Task<void>> lookups_;
};

}  // namespace evloopd::workloads
