#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "net/socket_address.h"
#include "workloads/upstreams/counters.h"
#include "workloads/upstreams/health.h"

namespace evloopd::workloads {

class Pool;

// One address that clients are sent to. Its references are counted together with its connections: a place at it keeps
// it alive, at no further cost. Any thread, except where it says otherwise; its pool outlives all places.
class Endpoint {
 public:
  Endpoint(Pool& pool, evloop::SocketAddress address, std::shared_ptr<UpstreamCounters> counters);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Constant.
  [[nodiscard]] const evloop::SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // the address as text
  [[nodiscard]] Pool& pool() const noexcept { return pool_; }
  [[nodiscard]] UpstreamCounters& counters() const noexcept { return *counters_; }

  // Connections to it, those being made included.
  [[nodiscard]] std::uint32_t connections() const noexcept {
    return static_cast<std::uint32_t>(count_.load(std::memory_order_relaxed));
  }
  // 0: none.
  [[nodiscard]] std::uint32_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::uint32_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
  [[nodiscard]] bool is_full() const noexcept {
    const auto most = limit();
    return most > 0 && static_cast<std::uint32_t>(count_.load(std::memory_order_seq_cst)) >= most;
  }

  // How connects and connections ended; each answers how many in a row have failed so.
  void connected() noexcept { forget(failures_); }
  void served() noexcept { forget(resets_); }
  [[nodiscard]] std::uint32_t connect_failed() noexcept {
    return failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  [[nodiscard]] std::uint32_t reset_early() noexcept { return resets_.fetch_add(1, std::memory_order_relaxed) + 1; }
  // The next failure counts as this many.
  void set_failures(std::uint32_t failures, std::uint32_t resets) noexcept {
    failures_.store(failures, std::memory_order_relaxed);
    resets_.store(resets, std::memory_order_relaxed);
  }

  // True at most once a minute: a failure is to be logged.
  [[nodiscard]] bool may_log(evloop::TimePoint now) noexcept;

  Health health;  // guarded by the pool

  void add_ref() noexcept { count_.fetch_add(reference, std::memory_order_relaxed); }
  void release() noexcept { give_back(reference); }

 private:
  friend class Place;

  static constexpr std::uint64_t connection = 1;
  static constexpr std::uint64_t reference = std::uint64_t{1} << 32U;

  // False if it is full.
  [[nodiscard]] bool enter() noexcept;
  void give_back(std::uint64_t what) noexcept {
    if (count_.fetch_sub(what, std::memory_order_seq_cst) == what) delete this;
  }
  ~Endpoint() = default;
  // Written only when it changes: all loops read it.
  static void forget(std::atomic<std::uint32_t>& count) noexcept {
    if (count.load(std::memory_order_relaxed) != 0) count.store(0, std::memory_order_relaxed);
  }

  Pool& pool_;
  const evloop::SocketAddress address_;
  const std::string name_;
  const std::shared_ptr<UpstreamCounters> counters_;
  std::atomic<std::uint32_t> limit_{0};
  std::atomic<std::uint32_t> failures_{0};
  std::atomic<std::uint32_t> resets_{0};
  std::atomic<evloop::TimePoint::rep> quiet_until_;
  // Connections in the lower half, references in the upper. Alone in its cache line: every client changes it.
  alignas(64) std::atomic<std::uint64_t> count_{0};
};

// A client's place at an endpoint: counted as one of its connections as long as it lives. Any one thread.
class Place {
 public:
  Place() noexcept = default;
  // Empty if the endpoint is full. The caller holds a reference.
  [[nodiscard]] static Place at(Endpoint& endpoint) noexcept {
    Place place;
    if (endpoint.enter()) place.endpoint_ = &endpoint;
    return place;
  }
  Place(Place&& other) noexcept : endpoint_(std::exchange(other.endpoint_, nullptr)) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(endpoint_, other.endpoint_);
    return *this;
  }
  ~Place() { leave(); }

  [[nodiscard]] explicit operator bool() const noexcept { return endpoint_ != nullptr; }
  // Not of an empty one.
  [[nodiscard]] Endpoint& endpoint() const noexcept { return *endpoint_; }

  // Tells the pool how the connection ended: the upstream had sent something, or reset it before it did.
  void served() const noexcept { endpoint_->served(); }
  void reset_early(evloop::TimePoint now) const;

 private:
  void leave() noexcept;

  Endpoint* endpoint_ = nullptr;
};

}  // namespace evloopd::workloads
