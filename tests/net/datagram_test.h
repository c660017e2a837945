#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "net/datagram_endpoint.h"
#include "net/net_test.h"

namespace evloop {

// A datagram protocol that writes down what it is told, and does what a test wants it to.
class DatagramRecorder : public DatagramProtocol {
 public:
  using Action = std::function<void(DatagramRecorder&)>;

  void connection_made(DatagramTransport& made) override {
    transport = &made;
    calls.emplace_back("made");
    if (on_made) on_made(*this);
  }
  void connection_lost(std::exception_ptr) override {
    transport = nullptr;
    calls.emplace_back("lost");
  }
  void datagram_received(std::span<const std::byte> data, const SocketAddress& from) override {
    received.push_back(text(data));
    sender = from;
    calls.emplace_back("datagram");
    if (on_datagram) on_datagram(*this);
  }
  void error_received(std::exception_ptr error) override {
    errors.push_back(std::move(error));
    calls.emplace_back("error");
    if (on_error) on_error(*this);
  }
  void pause_writing() override { calls.emplace_back("pause"); }
  void resume_writing() override { calls.emplace_back("resume"); }

  DatagramTransport* transport = nullptr;  // while open
  std::vector<std::string> calls;
  std::vector<std::string> received;
  SocketAddress sender;  // of the last one
  std::vector<std::exception_ptr> errors;
  Action on_made, on_datagram, on_error;
};

inline int error_code(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code().value();
  } catch (...) {
    return -1;
  }
}

// Endpoints, and plain sockets as their peers.
class DatagramTest : public NetTest {
 protected:
  using Endpoint = DatagramEndpoint<DatagramRecorder>;

  static auto recorder() {
    return [] { return Ref(new DatagramRecorder); };
  }

  Endpoint open(DatagramOptions options) {
    return run(create_datagram_endpoint(loop_, recorder(), std::move(options)));
  }
  Endpoint open(UniqueFd fd) { return run(create_datagram_endpoint(loop_, recorder(), std::move(fd))); }
  // One on this machine's IPv4 address.
  Endpoint open() { return open({.local_addr = HostPort{"127.0.0.1", 0}}); }
  // One over a unix socket that is connected to `peer_`.
  Endpoint open_pair() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
    peer_.reset(fds[1]);
    return open(UniqueFd(fds[0]));
  }
  static UniqueFd udp_socket() {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bind_socket(fd.get(), SocketAddress::parse("127.0.0.1:0"));
    return fd;
  }
  static void send(const UniqueFd& fd, std::string_view data, const SocketAddress& to) {
    ASSERT_EQ(::sendto(fd.get(), data.data(), data.size(), 0, to.data(), to.length()), std::ssize(data));
  }
  // The next datagram that is there, or "nothing".
  static std::string receive(const UniqueFd& fd) {
    std::array<char, 65536> buffer{};
    const auto size = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }
  static std::vector<std::string> receive_all(const UniqueFd& fd) {
    std::vector<std::string> all;
    for (auto next = receive(fd); next != "nothing"; next = receive(fd)) all.push_back(next);
    return all;
  }
  // Sends "filler" until one waits in the queue.
  static void fill(DatagramTransport& transport, const SocketAddress& to = {}) {
    while (transport.get_write_buffer_size() == 0) transport.sendto("filler", to);
  }

  UniqueFd peer_;
};

}  // namespace evloop
