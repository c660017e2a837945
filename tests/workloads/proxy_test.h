#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/socket.h"
#include "net/socket_address.h"
#include "workloads/workload_test.h"

namespace evloopd::workloads {

using evloop::SocketAddress;
using evloop::UniqueFd;

// A server that the proxy connects to. What it accepts, the test holds.
class Backend {
 public:
  Backend() : Backend(SocketAddress::parse("127.0.0.1:0")) {}
  explicit Backend(const SocketAddress& address)
      : listener_(evloop::listen_stream_socket(address)), address_(SocketAddress::local(listener_.get()).to_string()) {}

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] UniqueFd try_accept_socket() {
    return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  [[nodiscard]] std::optional<Peer> try_accept() {
    auto fd = try_accept_socket();
    if (!fd) return std::nullopt;
    return Peer(std::move(fd));
  }
  // Nobody listens at its address any more.
  void stop() { listener_.reset(); }

 private:
  UniqueFd listener_;
  std::string address_;
};

// Listens, and has its queue full: who connects waits.
class BusyUpstream {
 public:
  BusyUpstream() : listener_(evloop::bind_stream_socket(SocketAddress::parse("127.0.0.1:0"))) {
    evloop::start_listening(listener_.get(), 0);
    const auto address = SocketAddress::local(listener_.get());
    for (bool full = false; !full;) {
      auto& fd = waiting_.emplace_back(evloop::open_stream_socket(AF_INET));
      std::ignore = ::connect(fd.get(), address.data(), address.length());
      pollfd connected{.fd = fd.get(), .events = POLLOUT, .revents = 0};
      full = ::poll(&connected, 1, 50) == 0;
    }
  }
  [[nodiscard]] std::string address() const { return SocketAddress::local(listener_.get()).to_string(); }

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> waiting_;
};

class TcpProxyTest : public WorkloadTest {
 protected:
  void start_to(const std::vector<std::string>& upstreams, TcpProxyOptions options = {}) {
    for (const auto& address : upstreams) options.upstreams.list.push_back({address});
    start(options);
  }
  // The upstream's end of a tunnel. The system may say that it is connected before the proxy knows.
  Peer accept(Backend& upstream) {
    std::optional<Peer> peer;
    EXPECT_TRUE(turn_until([&] {
      if (!peer) peer = upstream.try_accept();
      return peer.has_value();
    }));
    turn(3);
    return peer ? std::move(*peer) : Peer(UniqueFd());
  }
  struct Ends {
    Peer client;
    Peer server;
  };
  // A proxy to this upstream alone, and its first client.
  Ends tunnel_to(Backend& upstream, TcpProxyOptions options = {}) {
    start_to({upstream.address()}, std::move(options));
    auto client = connect();
    return {std::move(client), accept(upstream)};
  }
  bool gets(Peer& peer, std::string_view text) {
    EXPECT_TRUE(turn_until([&] { return peer.has_received(text.size()); }));
    return peer.received == text;
  }
};

}  // namespace evloopd::workloads
