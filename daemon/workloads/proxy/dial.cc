#include "workloads/proxy/dial.h"

#include <cerrno>
#include <utility>

#include "net/socket_address.h"
#include "workloads/proxy/share.h"
#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

// By which the client is told from others, if the way of balancing needs it.
std::uint64_t key_of(const UpstreamShare& upstreams, const Session& session) {
  if (!upstreams.hashes_source()) return 0;
  return hash_of(std::as_bytes(std::span(session.client.address.bytes)));
}

EndReason reason_of(ConnectFailure why, int error) noexcept {
  switch (why) {
    case ConnectFailure::none_up: return EndReason::no_upstream;
    case ConnectFailure::all_failed:
    case ConnectFailure::retry_denied:
    case ConnectFailure::no_socket: return error == ETIMEDOUT ? EndReason::connect_timeout : EndReason::connect_failed;
    case ConnectFailure::queue_full: return EndReason::queue_full;
    case ConnectFailure::queue_timeout: return EndReason::queue_timeout;
  }
  return EndReason::connect_failed;
}

}  // namespace

Dial::Dial(ProxyShare& share, std::unique_ptr<Session> given, UpstreamShare& upstreams)
    : session(std::move(given)), upstream(upstreams, *this, key_of(upstreams, *session)), share_(share) {}

void Dial::upstream_connected() { share_.connected(*this); }

void Dial::upstream_failed(ConnectFailure why) {
  session->end(reason_of(why, upstream.error()));
  share_.gave_up(*this);
}

}  // namespace evloopd::workloads
