#include "workloads/upstreams/connector.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/os_error.h"
#include "net/socket.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {

using Where = WaitingRoom::Where;

namespace {

// No fault of the upstream's: this process or machine has no more to give.
bool is_own_fault(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == EADDRNOTAVAIL;
}

}  // namespace

Connector::~Connector() {
  stop_waiting();
  leave_queue();
}

void Connector::start() {
  share_.retries().count_client(share_.loop().time());
  // Who waits already comes first.
  if (room().size() > 0 && share_.may_come(tried_)) return enter_queue(Where::end);
  try_next();
}

void Connector::try_next() {
  if (tried_.size() >= static_cast<std::size_t>(share_.pool().options().connect_attempts))
    return client_.upstream_failed(ConnectFailure::all_failed);
  if (!take_place()) return give_up_or_queue(Where::end);
  begin();
}

bool Connector::take_place() {
  place = share_.take(key_, tried_, share_.loop().time());
  return static_cast<bool>(place);
}

// --- the connect ---

void Connector::begin() {
  began_ = share_.loop().time();
  if (!tried_.empty()) {
    if (!share_.retries().take(began_)) {
      place = {};
      count(share_.pool().retries_denied);
      return client_.upstream_failed(ConnectFailure::retry_denied);
    }
    count(place.endpoint().counters().retries);
  }
  const int error = connect();
  if (error == EINPROGRESS) return wait();
  if (error == 0) return connected();
  if (is_own_fault(error)) return no_socket(error);
  failed(error);
  try_next();
}

// 0 or an errno.
int Connector::connect() {
  const auto& address = place.endpoint().address();
  socket.reset(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  return ::connect(socket.get(), address.data(), address.length()) == 0 ? 0 : errno;
}

void Connector::wait() {
  auto& loop = share_.loop();
  waiting_ = true;
  loop.watch(socket.get(), evloop::Interest::write, [this] { waited(evloop::take_socket_error(socket.get())); });
  timer_ = loop.call_later(share_.pool().options().connect_timeout, [this] { waited(ETIMEDOUT); });
}

void Connector::waited(int error) {
  stop_waiting();
  if (error == 0) return connected();
  failed(error);
  try_next();
}

void Connector::stop_waiting() noexcept {
  if (!std::exchange(waiting_, false)) return;
  share_.loop().unwatch(socket.get(), evloop::Interest::write);
  timer_.cancel();
}

void Connector::connected() {
  auto& endpoint = place.endpoint();
  endpoint.connected();
  endpoint.counters().connect_times.add(share_.loop().time() - began_);
  client_.upstream_connected();
}

void Connector::failed(int error) {
  error_ = error;
  socket.reset();
  auto& endpoint = place.endpoint();
  tried_.push_back(&endpoint);
  share_.pool().connect_failed(endpoint, evloop::error_text(error), share_.loop().time());
  place = {};
}

void Connector::no_socket(int error) {
  socket.reset();
  share_.pool().cannot_connect(place.endpoint(), evloop::error_text(error), share_.loop().time());
  place = {};
  client_.upstream_failed(ConnectFailure::no_socket);
}

// --- the queue ---

// The same one as long as it waits.
WaitingRoom& Connector::room() noexcept { return share_.pool().room(!tried_.empty()); }

// There is no place now.
void Connector::give_up_or_queue(Where where) {
  if (share_.may_come(tried_)) return enter_queue(where);
  leave_queue();
  client_.upstream_failed(tried_.empty() ? ConnectFailure::none_up : ConnectFailure::all_failed);
}

void Connector::enter_queue(Where where) {
  if (!ticket_) {
    auto& loop = share_.loop();
    ticket_ = std::make_shared<WaitingRoom::Ticket>(loop.port(), static_cast<WaitingRoom::Guest&>(*this));
    timer_ = loop.call_later(share_.pool().options().queue.timeout, [this] {
      leave_queue();
      room().count_timeout();
      client_.upstream_failed(ConnectFailure::queue_timeout);
    });
    share_.watch_room();
  }
  if (!room().join(ticket_, where)) {
    leave_queue();
    return client_.upstream_failed(ConnectFailure::queue_full);
  }
  // A place may have been left after the look for one and before the queue was joined, when nobody was to be called.
  if (!room().is_first(*ticket_) || !take_place()) return;
  leave_queue();
  begin();
}

void Connector::leave_queue() noexcept {
  if (!ticket_) return;
  timer_.cancel();
  ticket_->abandon();
  room().leave(*std::exchange(ticket_, nullptr));
}

void Connector::called() {
  if (!take_place()) return give_up_or_queue(Where::front);
  leave_queue();
  share_.pool().call_next();  // there may be places for more than one
  begin();
}

}  // namespace evloopd::workloads
