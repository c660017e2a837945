#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/block_cache.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "host/listener_place.h"
#include "net/bytes.h"
#include "net/transport.h"
#include "workloads/open_connections.h"
#include "workloads/proxy/admission.h"
#include "workloads/proxy/end_reason.h"
#include "workloads/proxy/ip_address.h"
#include "workloads/upstreams/endpoint.h"

namespace evloopd::workloads {

class SessionBook;

// What TLS, or the PROXY header of a client that had TLS, has told.
struct TlsFacts {
  std::string version{};      // "TLSv1.3"
  std::string server_name{};  // SNI
  std::string alpn{};
};

// One client's connection, from its accept to its end: what it counts in, and what the access log says of it. Goes from
// hand to hand, greeting to dial to tunnel; when it is destroyed the connection has ended. Loop thread only.
class Session final : public evloop::BlockCached {
 public:
  // The book outlives it.
  Session(SessionBook& book, evloop::TimePoint now) noexcept : accepted(now), book_(book) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The first of these counts ...
  void end(EndReason reason) noexcept {
    if (!reason_) reason_ = reason;
  }
  // ... and this only without one.
  void closed_first(EndReason reason) noexcept {
    if (!closed_first_) closed_first_ = reason;
  }
  [[nodiscard]] EndReason reason() const noexcept {
    return reason_.value_or(closed_first_.value_or(EndReason::aborted));
  }

  IpEndpoint client;  // where it comes from, as far as somebody has to know; by its PROXY header, if it has one
  IpEndpoint local;   // where it went to
  IpEndpoint proxy;   // who sent the PROXY header
  std::unique_ptr<TlsFacts> tls;
  Place place;  // at the upstream that it was connected to

  const evloop::TimePoint accepted;
  std::optional<evloop::TimePoint> connected;   // to the upstream
  std::optional<evloop::TimePoint> first_byte;  // from it
  std::uint64_t bytes_in = 0;                   // from the client
  std::uint64_t bytes_out = 0;                  // from the upstream

  // Until somebody takes them.
  evloop::UniqueFd socket;                   // or
  evloop::Ref<evloop::Transport> transport;  // which has agreed on TLS, and reads nothing yet
  evloop::Bytes early;                       // what the client has sent behind its greeting

  host::ListenerPlace listener_place;
  Admission::Ticket ticket;
  OpenConnections::Slot slot;  // none if it was refused

 private:
  SessionBook& book_;
  std::optional<EndReason> reason_;
  std::optional<EndReason> closed_first_;
};

}  // namespace evloopd::workloads
