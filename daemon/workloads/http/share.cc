#include "workloads/http/share.h"

#include <algorithm>
#include <utility>

namespace evloopd::workloads {
namespace {

// Connections whose time is over are looked for this often at most: many that idle wake the loop once a second, not
// each for itself.
evloop::Duration idle_granularity(evloop::Duration timeout) {
  return std::min<evloop::Duration>(std::chrono::seconds(1), timeout / 16);
}

}  // namespace

HttpShare::HttpShare(evloop::EventLoop& loop, const HttpRespondOptions& options, host::WorkloadCounters& counters)
    : loop_(loop), options_(options), open_(counters), tally_(loop, counters), answers_(options) {}

HttpShare::~HttpShare() {
  idle_timer_.cancel();
  stop_draining();
  while (auto* connection = connections_.front()) {
    connections_.remove(*connection);
    connection->orphan();
  }
}

void HttpShare::accepted(host::Accepted connection) {
  stop_draining();  // a loop that accepts again has been started again
  HttpConnection::open(*this, std::move(connection));
}

void HttpShare::joined(HttpConnection& connection) {
  connection.set_last_progress(now());
  connections_.push_back(connection);
  if (!idle_timer_runs_) start_idle_timer();
}

void HttpShare::progressed(HttpConnection& connection) {
  connection.set_last_progress(now());
  connections_.remove(connection);
  connections_.push_back(connection);
}

void HttpShare::start_idle_timer() {
  const auto due = connections_.front()->last_progress() + options_.idle_timeout;
  idle_timer_runs_ = true;
  idle_timer_ = loop_.call_at(std::max(due, now() + idle_granularity(options_.idle_timeout)), [this] {
    idle_timer_runs_ = false;
    expire_idle();
  });
}

void HttpShare::expire_idle() {
  const auto oldest = now() - options_.idle_timeout;
  while (!connections_.empty() && connections_.front()->last_progress() <= oldest) {
    auto& connection = *connections_.front();
    progressed(connection);  // from here on it has the same time to close
    connection.expire();
  }
  if (!connections_.empty()) start_idle_timer();
}

void HttpShare::drain() {
  if (std::exchange(draining_, true)) return;
  // What has reached the socket by now is read in the next turn, after the first of these calls and before the second.
  drain_soon_ =
      loop_.call_soon([this] { drain_soon_ = loop_.call_soon([this] { finish_if(&HttpConnection::is_kept_alive); }); });
  drain_later_ = loop_.call_later(drain_grace, [this] { finish_if(&HttpConnection::is_unused); });
}

void HttpShare::stop_draining() noexcept {
  draining_ = false;
  drain_soon_.cancel();
  drain_later_.cancel();
}

void HttpShare::finish_if(bool (HttpConnection::*predicate)() const noexcept) {
  for (auto* connection = connections_.front(); connection; connection = connection->next())
    if ((connection->*predicate)()) connection->finish();
}

void HttpShare::abort() {
  for (auto* connection = connections_.front(); connection; connection = connection->next()) connection->abort();
}

}  // namespace evloopd::workloads
