#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ref.h"
#include "host/upstreams.h"
#include "net/socket_address.h"
#include "workloads/checks/checker.h"
#include "workloads/upstreams/counters.h"
#include "workloads/upstreams/endpoint.h"
#include "workloads/upstreams/lease.h"
#include "workloads/upstreams/options.h"
#include "workloads/upstreams/pool_view.h"
#include "workloads/upstreams/waiting_room.h"

namespace evloopd::workloads {

// The upstreams of one workload, for all its loops: which there are, how they do, and whom clients may be sent to.
// Loops choose from its view and count on atomics; its lock is taken only when something changes. Any thread.
class Pool final : public host::Upstreams {
 public:
  // Throws ValueError for what is no address, and for checks that run a program unless that is allowed; what
  // Checker throws. `clock` is the one of the loops.
  explicit Pool(UpstreamsOptions options, evloop::Clock& clock = evloop::steady_clock());
  ~Pool();

  [[nodiscard]] const UpstreamsOptions& options() const noexcept { return options_; }

  // Changes whenever there is a new view. To be asked before each use of the old one.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  [[nodiscard]] std::shared_ptr<const PoolView> view(evloop::TimePoint now);

  // A number for each loop's share, from 0.
  [[nodiscard]] std::uint16_t next_share() noexcept { return shares_.fetch_add(1, std::memory_order_relaxed); }

  // How a client fared. The caller holds a place or a reference.
  void connect_failed(Endpoint& endpoint, const std::string& why, evloop::TimePoint now);
  void reset_early(Endpoint& endpoint, evloop::TimePoint now);
  // ... by no fault of the endpoint's.
  void cannot_connect(Endpoint& endpoint, const std::string& why, evloop::TimePoint now);
  // Where clients wait for a place: those that have come anew, and those that have tried an upstream already. The
  // latter want one of the others, and must not hold up who would take any.
  [[nodiscard]] WaitingRoom& room(bool has_tried) noexcept { return has_tried ? *second_room_ : *room_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return room_->size() + second_room_->size(); }
  // There may be a place: a connection to an endpoint that has a limit is gone, or there is a new view.
  void call_next() {
    room_->call_next();
    second_room_->call_next();
  }
  std::atomic<std::uint64_t> retries_denied{0};

  // For who checks and who resolves, which one loop does for all: that which holds the lease.
  [[nodiscard]] Lease& lease() noexcept { return lease_; }
  [[nodiscard]] const Checker& checker() const noexcept { return checker_; }
  [[nodiscard]] bool is_supervised() const;  // there is something to check or resolve
  // Those that are not draining, and the names.
  [[nodiscard]] std::vector<evloop::Ref<Endpoint>> endpoints() const;
  [[nodiscard]] std::vector<std::string> names() const;
  // Answers whether it is up.
  bool checked(Endpoint& endpoint, bool passed, const std::string& reason, evloop::TimePoint now);
  // The answer for a name. Unknown names have gone meanwhile, and do nothing.
  void resolved(const std::string& name, const std::vector<evloop::SocketAddress>& addresses, evloop::TimePoint now);

  host::HostResult<void> set(std::vector<host::UpstreamSpec> list) override;
  [[nodiscard]] std::vector<host::UpstreamSpec> list() const;  // as it was set
  [[nodiscard]] host::UpstreamsSnapshot snapshot() const override;

 private:
  using EndpointRef = evloop::Ref<Endpoint>;
  // An entry of the list.
  struct Entry {
    host::UpstreamSpec spec;
    std::shared_ptr<UpstreamCounters> counters;
    std::vector<EndpointRef> endpoints;
    bool resolved = false;
    std::vector<EndpointRef> leaving;  // gone, and some have connections still
  };

  Entry make_entry(host::UpstreamSpec spec);
  void set_endpoints(Entry& entry, const std::vector<evloop::SocketAddress>& addresses);
  void eject(Endpoint& endpoint, const std::string& reason, evloop::TimePoint now);
  [[nodiscard]] bool may_eject(evloop::TimePoint now) const;
  // Makes a new view.
  void renew(evloop::TimePoint now);
  void add_candidates(PoolView& view, bool backups, bool all, evloop::TimePoint now) const;
  void drop_gone();
  [[nodiscard]] Entry* find(const std::string& name);
  void for_each(const std::function<void(const Entry&, Endpoint&)>& visit) const;

  const UpstreamsOptions options_;
  evloop::Clock& clock_;
  const Checker checker_;
  const std::shared_ptr<WaitingRoom> room_;
  const std::shared_ptr<WaitingRoom> second_room_;
  Lease lease_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint16_t> shares_{0};

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;            // guarded by mutex_
  std::vector<Entry> gone_;               // guarded by mutex_: not in the list any more, with connections still
  std::shared_ptr<const PoolView> view_;  // guarded by mutex_
};

// BAD_ARGUMENT, which names the field ("upstreams[1].weight"), if the list has an entry that is wrong, or one twice.
[[nodiscard]] host::HostResult<void> check_upstreams(const std::vector<host::UpstreamSpec>& list);

}  // namespace evloopd::workloads
