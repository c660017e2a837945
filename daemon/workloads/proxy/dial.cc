#include "workloads/proxy/dial.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/os_error.h"
#include "net/socket.h"
#include "workloads/proxy/share.h"

namespace evloopd::workloads {

Dial::Dial(ProxyShare& share, std::unique_ptr<Session> given) : session(std::move(given)), share_(share) {}

void Dial::try_next() {
  auto& config = share_.config();
  while (tried_.size() < static_cast<std::size_t>(config.options.connect_attempts)) {
    place = config.balancer.take(tried_, share_.loop().time());
    if (!place) break;
    const int error = connect();
    if (error == 0) return share_.connected(*this);
    if (error == EINPROGRESS) return wait();
    failed(error);
  }
  session->end(error_ == ETIMEDOUT ? EndReason::connect_timeout : EndReason::connect_failed);
  share_.gave_up(*this);
}

// 0 or an errno.
int Dial::connect() {
  const auto& address = share_.config().upstreams[place.upstream()];
  upstream.reset(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!upstream) return errno;
  return ::connect(upstream.get(), address.data(), address.length()) == 0 ? 0 : errno;
}

void Dial::wait() {
  auto& loop = share_.loop();
  waiting_ = true;
  loop.watch(upstream.get(), evloop::Interest::write, [this] { waited(evloop::take_socket_error(upstream.get())); });
  timer_ = loop.call_later(share_.config().options.connect_timeout, [this] { waited(ETIMEDOUT); });
}

void Dial::waited(int error) {
  stop_waiting();
  if (error == 0) return share_.connected(*this);
  failed(error);
  try_next();
}

void Dial::failed(int error) {
  error_ = error;
  upstream.reset();
  const auto index = place.upstream();
  place = {};
  tried_.push_back(index);
  auto& config = share_.config();
  if (config.balancer.failed(index, share_.loop().time()))
    evloop::log(evloop::LogLevel::warning, "tcp.proxy: cannot connect to upstream " +
                                               config.upstreams[index].to_string() + ": " + evloop::error_text(error) +
                                               " (said at most once a minute)");
}

void Dial::stop_waiting() noexcept {
  if (!std::exchange(waiting_, false)) return;
  share_.loop().unwatch(upstream.get(), evloop::Interest::write);
  timer_.cancel();
}

}  // namespace evloopd::workloads
