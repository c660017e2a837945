#include "workloads/proxy/greeting.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "workloads/proxy/client_hello.h"
#include "workloads/proxy/proxy_header.h"
#include "workloads/proxy/share.h"

namespace evloopd::workloads {

Greeting::Greeting(ProxyShare& share, std::unique_ptr<Session> given, Expected expected)
    : session(std::move(given)), share_(share), expected_(expected) {}

void Greeting::start() {
  auto& loop = share_.loop();
  waiting_ = true;
  loop.watch(session->socket.get(), evloop::Interest::read, [this] { read(); });
  const auto limit = share_.config().options.connection.timeouts.greeting;
  if (limit > evloop::Duration::zero()) timer_ = loop.call_later(limit, [this] { fail(EndReason::greeting_timeout); });
}

void Greeting::read() {
  const auto buffer = share_.loop().receive_buffer().first(most_proxy_header);
  const auto received = ::recv(session->socket.get(), buffer.data(), buffer.size(), 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received < 0) return fail(EndReason::client_reset);
  if (received == 0) return fail(EndReason::client_left);
  session->early.append(buffer.first(static_cast<std::size_t>(received)));
  if (expected_.header && !understand_header()) return;
  if (expected_.hello && !understand_hello()) return;
  stop_waiting();
  share_.greeted(*this);
}

// Each: false if more has to come, or the greeting has failed.
bool Greeting::understand_header() {
  auto parsed = parse_proxy_header({session->early.data(), session->early.size()});
  if (parsed.state == HeaderState::bad) fail(EndReason::bad_proxy_header);
  if (parsed.state != HeaderState::complete) return false;
  auto& [source, destination, tls] = parsed.header;
  session->proxy = session->client;
  if (source) {
    session->client = source;
    session->local = destination;
  }
  if (!tls.version.empty() || !tls.server_name.empty() || !tls.alpn.empty())
    session->tls = std::make_unique<TlsFacts>(std::move(tls));
  session->early.consume(parsed.length);
  expected_.header = false;
  return true;
}

bool Greeting::understand_hello() {
  auto hello = ClientHello::parse({session->early.data(), session->early.size()});
  if (hello.state == ClientHello::State::bad) fail(EndReason::bad_client_hello);
  if (hello.state != ClientHello::State::complete) return false;
  if (!session->tls) session->tls = std::make_unique<TlsFacts>();
  session->tls->server_name = std::move(hello.server_name);
  return true;
}

void Greeting::fail(EndReason reason) {
  stop_waiting();
  session->end(reason);
  share_.gave_up(*this);
}

void Greeting::stop_waiting() noexcept {
  if (!std::exchange(waiting_, false)) return;
  share_.loop().unwatch(session->socket.get(), evloop::Interest::read);
  timer_.cancel();
}

}  // namespace evloopd::workloads
