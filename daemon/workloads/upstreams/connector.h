#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "workloads/upstreams/endpoint.h"
#include "workloads/upstreams/waiting_room.h"

namespace evloopd::workloads {

class UpstreamShare;

// Why a client has no upstream.
enum class ConnectFailure {
  none_up,        // none is up, or none has an address
  all_failed,     // as many as may be tried for one client, or all there are
  retry_denied,   // one failed, and too many are being retried
  no_socket,      // this process has no socket or port left
  queue_full,     // all are at their limit, and too many wait
  queue_timeout,  // likewise, and no place was left in time
};

// Gets one client its upstream: asks the pool, waits for a place if there is none, connects without blocking, and goes
// on to the next when that fails or takes too long. Its owner destroys it at any time. Loop thread only.
class Connector final : private WaitingRoom::Guest {
 public:
  // Is told the end, once, from within start() or later; it may destroy the connector.
  class Client {
   public:
    virtual void upstream_connected() = 0;
    virtual void upstream_failed(ConnectFailure why) = 0;

   protected:
    ~Client() = default;
  };

  // `key`: source_key() of the client, if the balance hashes it.
  Connector(UpstreamShare& share, Client& client, std::uint64_t key) noexcept
      : share_(share), client_(client), key_(key) {}
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector();

  void start();

  // Once connected, for who goes on with it: the socket, TCP_NODELAY not set, and the place, to be held as long.
  evloop::UniqueFd socket;
  Place place;

  // An errno: of the last attempt that failed, or 0.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  void try_next();
  [[nodiscard]] bool take_place();
  // Has a place: connects to its endpoint.
  void begin();
  [[nodiscard]] int connect();
  void wait();
  void waited(int error);
  void stop_waiting() noexcept;
  void connected();
  void failed(int error);
  void no_socket(int error);
  [[nodiscard]] WaitingRoom& room() noexcept;
  void give_up_or_queue(WaitingRoom::Where where);
  void enter_queue(WaitingRoom::Where where);
  void leave_queue() noexcept;
  void called() override;

  UpstreamShare& share_;
  Client& client_;
  const std::uint64_t key_;
  bool waiting_ = false;  // for a connect
  int error_ = 0;
  evloop::TimePoint began_;  // of the last connect
  evloop::TimerHandle timer_;
  std::shared_ptr<WaitingRoom::Ticket> ticket_;  // while it is queued
  std::vector<const Endpoint*> tried_;           // those that failed
};

}  // namespace evloopd::workloads
