#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "host/listener_place.h"

namespace evloop {
class EventLoop;
}
namespace evloopd::host {
class Faults;
struct ListeningSocket;
class Upstreams;
}  // namespace evloopd::host

namespace evloopd::host {

// Counters of one workload, summed over its loops. Written by loop threads with relaxed adds (once per
// connection or per batch of bytes, never per byte), read by any thread.
struct WorkloadCounters {
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> connections_failed{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
};

// What a workload counts under names of its own: the same ones at any time.
struct NamedCount {
  std::string_view name;  // of the program's whole life
  std::uint64_t count = 0;
};

// What a workload has to say of itself, for people.
struct Fact {
  std::string name;   // "Last result"
  std::string value;  // a line, or several
};

struct MeasureLabel {
  std::string name;  // snake_case: "result"
  std::string value;
};

// What a workload measures beside what all do: exported as the metric `evloopd_workload_<name>`, with the label
// `workload` and those it has itself. Names and labels come from the configuration or the program, and never from a
// client: each new one is a series that stays.
struct Measure {
  enum class Type { counter, gauge };
  std::string name;  // snake_case, with a base unit; ends in _total if it is a counter: "probe_results_total"
  std::string help;  // one line; the same for all measures of the name
  Type type = Type::gauge;
  double value = 0;
  std::vector<MeasureLabel> labels{};
};

// Whose a share is, for what it writes down.
struct ShareNames {
  std::string workload;
  std::string loop;
};

// A connection that the host has accepted.
struct Accepted {
  evloop::UniqueFd socket;  // non-blocking, close-on-exec
  ListenerPlace place{};  // to be kept for as long as the connection is open: then somebody else may come in its place
};

// One loop's share of a workload. Made by `Workload::attach`, used and destroyed on the loop's thread, except
// where it says otherwise.
class WorkloadShare {
 public:
  virtual ~WorkloadShare() = default;

  // Told at most once, before anything else.
  virtual void introduce(const ShareNames& /*names*/) {}

  // The share owns the connection from here. Whoever keeps `connection` whole, until it ends, has done all that limits
  // of listeners ask for.
  virtual void accepted(Accepted connection) = 0;

  // Of a kind that takes datagrams: some wait on a socket that the host lends to this loop. Told again in each turn
  // that finds some. The share may keep the socket to send from its address, also when it is lent to another loop;
  // but the address is not free before it lets go.
  virtual void datagrams_wait(const std::shared_ptr<const ListeningSocket>& /*socket*/) {}
  // The socket is lent to another loop, belongs to the next generation, or is gone: what comes on it is not for this
  // share any more, unless it is lent to it again.
  virtual void datagrams_end(const std::shared_ptr<const ListeningSocket>& /*socket*/) {}

  // Connections that are open on this loop. Any thread, also while the loop is blocked: a relaxed read of an
  // atomic, no lock.
  [[nodiscard]] virtual std::size_t connections() const = 0;

  // Let what is open come to its end: idle keep-alive connections close, busy ones after their work.
  virtual void drain() = 0;

  // Its loop runs again, or goes on, after all: what a drain or an abort has ended may begin anew. Also told to a share
  // that was not drained. Those whose work comes from listeners need not know: these come back by themselves.
  virtual void resume() {}

  // Cut what is still open. After it, and a few turns of the loop, connections() is 0. The loop may close
  // without these turns: then the destructor closes what is left.
  virtual void abort() = 0;
};

// Named, hosted work on one or more loops. The host owns it; `attach` is called on each loop's thread
// before that loop first runs. What several loops share inside it must be thread-safe.
class Workload {
 public:
  virtual ~Workload() = default;
  [[nodiscard]] virtual std::string_view kind() const = 0;
  [[nodiscard]] virtual std::unique_ptr<WorkloadShare> attach(evloop::EventLoop& loop) = 0;
  [[nodiscard]] const WorkloadCounters& counters() const { return counters_; }
  // How many connections have ended, by reason. Any thread.
  [[nodiscard]] virtual std::vector<NamedCount> ends() const { return {}; }
  // Lines of its log that were dropped, as they came faster than they could be written. Any thread.
  [[nodiscard]] virtual std::uint64_t dropped_log_lines() const { return 0; }
  // For `evloopctl describe`. Any thread.
  [[nodiscard]] virtual std::vector<Fact> facts() const { return {}; }
  // All of them at any time, also those that are 0. Any thread.
  [[nodiscard]] virtual std::vector<Measure> measures() const { return {}; }
  // Becomes like `wanted`, which was made to take its place, if it can while it runs and no connection notices.
  enum class Adoption { impossible, same, taken };
  [[nodiscard]] virtual Adoption adopt(Workload& /*wanted*/) { return Adoption::impossible; }
  // Told before it is attached, in place of `before`, which could not become like it, and whose shares are drained
  // then: for what only one of the two may hold at a time.
  virtual void succeed(Workload& /*before*/) {}
  // What it sends its clients on to, as long as it lives; null for a kind that serves them itself.
  [[nodiscard]] virtual Upstreams* upstreams() noexcept { return nullptr; }
  // What is done to its connections on purpose, as long as it lives; null for a kind that cannot.
  [[nodiscard]] virtual Faults* faults() noexcept { return nullptr; }

 protected:
  WorkloadCounters counters_;
};

}  // namespace evloopd::host
