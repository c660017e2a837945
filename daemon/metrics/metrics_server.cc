#include "metrics/metrics_server.h"

#include <prometheus/text_serializer.h>
#include <pthread.h>

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "aio/event_loop.h"
#include "aio/sleep.h"
#include "base/log.h"
#include "host/signals_blocked.h"
#include "metrics/host_collector.h"
#include "metrics/http_connection.h"
#include "metrics/process_collector.h"
#include "net/acceptor.h"
#include "net/os_error.h"
#include "net/socket.h"
#include "net/socket_address.h"
#include "net/socket_transport.h"
#include "net/transport_group.h"

namespace evloopd::metrics {
namespace {

constexpr int backlog = 128;
constexpr int accepts_per_turn = 16;
constexpr std::size_t most_connections = 64;  // more are closed at once
constexpr int turns_to_close = 8;             // for aborted connections to be gone

constexpr const char* text_format = "text/plain; version=0.0.4; charset=utf-8";

evloop::UniqueFd open_listener(const std::string& address) {
  try {
    return evloop::listen_stream_socket(evloop::SocketAddress::parse(address), {.backlog = backlog});
  } catch (const std::system_error& error) {
    throw evloop::OsError(error.code(), std::string("metrics: ") + error.what());
  }
}

}  // namespace

std::string metrics_text(const host::LoopHost& host, const std::string& version) {
  auto families = HostCollector(host).Collect();
  for (auto& family : ProcessCollector(version).Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

class MetricsServer::Impl {
 public:
  Impl(const host::LoopHost& host, MetricsOptions options, std::function<bool()> is_ready)
      : host_(host),
        version_(std::move(options.version)),
        is_ready_(std::move(is_ready)),
        listener_(open_listener(options.address)),
        address_(evloop::SocketAddress::local(listener_.get()).to_string()),
        port_(loop_.port()) {
    const host::SignalsBlocked blocked;  // the thread inherits it
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    port_->post([this] { loop_.stop(); });
    thread_.join();
  }

  [[nodiscard]] const std::string& address() const noexcept { return address_; }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "evl-metrics");
    try {
      serve();
    } catch (...) {
      evloop::log(evloop::LogLevel::error, "metrics: " + evloop::describe(std::current_exception()));
    }
  }

  void serve() {
    const HttpHandler handler = [this](std::string_view path) { return answer(path); };
    const evloop::Ref<evloop::TransportGroup> open(new evloop::TransportGroup);
    evloop::Acceptor acceptor(loop_, listener_.get(), accepts_per_turn, [&](evloop::UniqueFd connection) {
      if (open->size() >= most_connections) return;
      evloop::SocketTransport::create(loop_, std::move(connection),
                                      evloop::Ref<evloop::BaseProtocol>(new HttpConnection(loop_, handler)), open);
    });
    acceptor.start();
    loop_.run_forever();
    acceptor.stop();
    open->abort_all();
    for (int turn = 0; !open->empty() && turn < turns_to_close; ++turn)
      loop_.run_until_complete(evloop::sleep(evloop::Duration::zero()));
    loop_.close();
  }

  HttpAnswer answer(std::string_view path) const {
    if (path == "/metrics") return {.content_type = text_format, .body = metrics_text(host_, version_)};
    if (path == "/healthz") return {.body = "ok\n"};
    if (path == "/readyz")
      return is_ready_ && !is_ready_() ? HttpAnswer{.status = 503, .body = "not ready\n"}
                                       : HttpAnswer{.body = "ready\n"};
    return {.status = 404, .body = "here are /metrics, /healthz and /readyz\n"};
  }

  const host::LoopHost& host_;
  const std::string version_;
  const std::function<bool()> is_ready_;
  const evloop::UniqueFd listener_;
  const std::string address_;
  evloop::EventLoop loop_;  // the thread's, from its start on
  const std::shared_ptr<evloop::LoopPort> port_;
  std::thread thread_;
};

MetricsServer::MetricsServer(const host::LoopHost& host, MetricsOptions options, std::function<bool()> is_ready)
    : impl_(std::make_unique<Impl>(host, std::move(options), std::move(is_ready))) {}
MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const noexcept { return impl_->address(); }

}  // namespace evloopd::metrics
