#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/upstreams.h"
#include "workloads/checks/options.h"
#include "workloads/dns/options.h"

// What a pool of upstreams takes. Plain values; settings/ fills them.
namespace evloopd::workloads {

using std::chrono::nanoseconds;

enum class Balance {
  round_robin,      // in turn, by weight
  least_conn,       // the one with the fewest connections for its weight
  power_of_two,     // the better of two that are drawn: nearly as even, and no herd
  source_hash,      // by the client's address: the same for it while the list of those that are up stays the same
  consistent_hash,  // likewise, and when one of N goes only about 1/N of the clients move
};

// With all upstreams down: refuse clients, or try them as if all were up.
enum class AllDown { refuse, use_all };

// For clients that find every upstream at its limit.
struct QueueOptions {
  int length = 1024;  // 0: none waits
  nanoseconds timeout = std::chrono::seconds(5);

  friend bool operator==(const QueueOptions&, const QueueOptions&) = default;
};

// How many connects may be retries, over ten seconds, on each loop.
struct RetryOptions {
  int percent = 20;  // of the clients
  int least = 10;    // and so many a second

  friend bool operator==(const RetryOptions&, const RetryOptions&) = default;
};

// Takes an upstream out that fails clients, for a while, whatever checks say.
struct EjectionOptions {
  int failures = 3;  // connects that failed in a row; 0: none ejects
  int resets = 0;    // connections in a row that it reset before it had sent a byte; 0: none ejects
  nanoseconds time = std::chrono::seconds(10);  // the first; each that follows soon is longer by it
  nanoseconds longest = std::chrono::minutes(5);
  int most = 50;  // percent of the pool that may be out at once

  friend bool operator==(const EjectionOptions&, const EjectionOptions&) = default;
};

struct UpstreamsOptions {
  std::vector<host::UpstreamSpec> list{};
  Balance balance = Balance::round_robin;
  nanoseconds connect_timeout = std::chrono::seconds(5);  // for one address
  int connect_attempts = 3;                               // addresses tried for one client
  RetryOptions retries{};
  QueueOptions queue{};
  EjectionOptions ejection{};
  CheckOptions check{};
  nanoseconds slow_start{};  // in which the share of one that comes back grows from a tenth to the whole; 0: none
  AllDown all_down = AllDown::refuse;
  DnsOptions dns{};

  friend bool operator==(const UpstreamsOptions&, const UpstreamsOptions&) = default;
};

}  // namespace evloopd::workloads
