#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "net/socket_address.h"

namespace evloopd::workloads {

// A test's UDP socket, with an address of its own; non-blocking.
class DatagramPeer {
 public:
  explicit DatagramPeer(const std::string& at = "127.0.0.1:0") {
    const auto address = evloop::SocketAddress::parse(at);
    fd_.reset(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(fd_.get(), address.data(), address.length()), 0) << at;
    address_ = evloop::SocketAddress::local(fd_.get());
  }

  [[nodiscard]] const evloop::SocketAddress& address() const { return address_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

  void send(std::string_view data, const evloop::SocketAddress& to) {
    ASSERT_EQ(::sendto(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL, to.data(), to.length()), std::ssize(data));
  }
  // To whom sent what was taken last.
  void answer(std::string_view data) { send(data, from); }

  // The next datagram, if one is there.
  std::optional<std::string> take() {
    std::array<char, 65536> buffer;
    sockaddr_storage sender{};
    socklen_t length = sizeof sender;
    const auto size =
        ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0) return std::nullopt;
    from = evloop::SocketAddress(reinterpret_cast<const sockaddr*>(&sender), length);
    received.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    return received.back();
  }

  evloop::SocketAddress from;         // of the last one that was taken
  std::vector<std::string> received;  // all that were

 private:
  evloop::UniqueFd fd_;
  evloop::SocketAddress address_;
};

}  // namespace evloopd::workloads
