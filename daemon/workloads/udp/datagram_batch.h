#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>

#include "net/socket_address.h"
#include "workloads/proxy/ip_address.h"

namespace evloopd::workloads {

// The datagrams of one system call, and the memory for them: what was received is sent on from where it lies. The pages
// of its buffer that no datagram was long enough for are never touched, and so take no memory. Any one thread.
class DatagramBatch {
 public:
  // So many at a time, that whoever sends much leaves the others their turn.
  static constexpr std::size_t most = 32;

  // `max_size`: bytes of the longest datagram that is not cut.
  explicit DatagramBatch(std::size_t max_size);
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  // How far a call has come: what it did, and the errno of what it could not, if that is why it ended.
  struct Progress {
    std::size_t count = 0;
    int error = 0;
  };

  // Takes what waits, if anything does, in place of what it had.
  [[nodiscard]] Progress receive(int fd) noexcept;
  // Of those received: who sent it, to which address of this host if the socket is bound to all, its
  // bytes, and whether these are all.
  [[nodiscard]] evloop::SocketAddress sender(std::size_t index) const noexcept;
  [[nodiscard]] IpAddress destination(std::size_t index) const noexcept;
  [[nodiscard]] bool is_whole(std::size_t index) const noexcept {
    return (messages_[index].msg_hdr.msg_flags & MSG_TRUNC) == 0;
  }
  [[nodiscard]] std::size_t size(std::size_t index) const noexcept { return messages_[index].msg_len; }

  // Sends `count` of them from `first` on, in order, to `to`, or if it is null to whom `fd` is connected to; from
  // `source`, unless that is none. The error is that of the one after those that were sent. Each is sent once: where it
  // came from is not known any more then.
  [[nodiscard]] Progress send(int fd, std::size_t first, std::size_t count, const evloop::SocketAddress* to = nullptr,
                              const IpAddress& source = {}) noexcept;

 private:
  // What goes with a datagram: its address of this host, IP_PKTINFO or IPV6_PKTINFO.
  struct Control {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  };
  // Answers how many bytes it takes.
  static std::size_t write(const IpAddress& source, Control& control) noexcept;

  const std::size_t max_size_;
  const std::unique_ptr<std::byte[]> buffer_;
  std::array<mmsghdr, most> messages_{};
  std::array<iovec, most> places_{};
  std::array<sockaddr_storage, most> senders_{};
  std::array<Control, most> controls_{};
};

}  // namespace evloopd::workloads
