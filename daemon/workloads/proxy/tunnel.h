#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>

#include "base/block_cache.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "net/transport.h"
#include "workloads/linked_list.h"
#include "workloads/proxy/deadline_wheel.h"
#include "workloads/proxy/session.h"

namespace evloopd::workloads {

class ProxyShare;

// A client and its upstream, connected: what comes from one goes to the other, the end of its data and a reset too.
// Lives until both ends are lost, and deletes itself then. Loop thread only.
//
// Its timeouts cost nothing per byte: the wheel has it looked at now and then, and it compares what it has moved since.
class Tunnel final : public evloop::BlockCached, public LinkedList<Tunnel>::Hook, private DeadlineWheel::Entry {
 public:
  Tunnel(ProxyShare& share, std::unique_ptr<Session> session) noexcept;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  using LinkedList<Tunnel>::Hook::next;

  // One that is connected, or a transport that has agreed on TLS.
  using Socket = std::variant<evloop::UniqueFd, evloop::Ref<evloop::Transport>>;

  // Takes over the upstream's, and the session's. Called once.
  void start(Socket upstream);
  void abort(EndReason reason);
  // The share goes away: both ends are cut, and nobody is told.
  void orphan();

 private:
  class End;
  class FaultyEnd;

  ~Tunnel() = default;
  void connect(const evloop::Ref<End>& near, const evloop::Ref<End>& far, Socket upstream);
  // What its ends tell.
  void first_byte(const End& from) noexcept;
  void ended(const End& end);
  void failed(const End& end) noexcept;
  void lost(End& end) noexcept;
  // ... those of one with faults: that something was passed on later than it came, and that a reset is one of them.
  void delivered() noexcept;
  void reset();

  void look() override;
  void watch_times(evloop::TimePoint now);
  [[nodiscard]] std::uint64_t moved() const noexcept;

  ProxyShare* share_;                 // null once it is orphaned
  End* client_ = nullptr;             // null once it is lost
  End* upstream_ = nullptr;           // likewise
  std::unique_ptr<Session> session_;  // null once it is orphaned
  evloop::TimePoint active_;          // when something had moved, as far as it was looked at
  std::uint64_t moved_ = 0;           // until then
  bool half_closed_ = false;
};

}  // namespace evloopd::workloads
