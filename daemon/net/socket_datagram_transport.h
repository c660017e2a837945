#pragma once

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/datagram_queue.h"
#include "net/flow_control.h"

namespace evloop {

// The transport of a datagram socket, UDP or unix: the only place that receives and sends on it. See BaseTransport for
// who owns it. Loop thread only.
//
// Receives one datagram in each turn that finds the socket readable (DGRAM-05), into the loop's one buffer; one that is
// larger is not handed over in part: error_received() is told (EMSGSIZE).
class SocketDatagramTransport final : public FlowControlled<DatagramTransport, DatagramProtocol>, private FdOwner {
 public:
  // Takes over `fd`, a non-blocking datagram socket, and queues connection_made; reading starts after it. `remote` is
  // where datagrams without an address go, if the socket is not connected. `waiter`, if any, is completed after
  // connection_made. Throws LoopError if another transport uses the fd; the socket is closed then.
  static Ref<SocketDatagramTransport> create(EventLoop& loop, UniqueFd fd, Ref<DatagramProtocol> protocol,
                                             const SocketAddress& remote = {}, Future<void> waiter = {});
  ~SocketDatagramTransport() override;

  using DatagramTransport::sendto;
  void sendto(std::span<const std::byte> data, const SocketAddress& to) override;
  void close() override;
  void abort() override;
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return queue_.size(); }
  void set_protocol(Ref<DatagramProtocol> protocol) override { protocol_ = std::move(protocol); }

  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }
  [[nodiscard]] const SocketAddress& sockname() const override { return sockname_; }
  [[nodiscard]] const SocketAddress& peername() const override { return peername_; }
  [[nodiscard]] std::string describe() const override;

 private:
  SocketDatagramTransport(EventLoop& loop, UniqueFd fd, Ref<DatagramProtocol> protocol, const SocketAddress& remote);

  // FdOwner
  [[nodiscard]] std::string description() const override { return describe(); }
  [[nodiscard]] bool holds_fd() const noexcept override { return !closing_; }
  void loop_closed() noexcept override;

  void begin(const Future<void>& waiter);
  void read_ready();
  void write_ready();
  // False with errno.
  [[nodiscard]] bool send_now(std::span<const std::byte> data, const SocketAddress& to) noexcept;
  void tell_error(const char* call, int error);
  void unwatch_readable() noexcept;
  void unwatch_writable() noexcept;
  void queue_connection_lost();
  void call_connection_lost();
  void let_go() noexcept;

  UniqueFd fd_;
  const SocketAddress sockname_;
  const SocketAddress peername_;  // of a connected socket
  const SocketAddress remote_;    // the only destination, if there is one
  DatagramQueue queue_;
  std::uint32_t conn_lost_ = 0;  // not 0 once connection_lost is queued; then it counts sends
  bool watches_readable_ = false;
  bool watches_writable_ = false;
};

}  // namespace evloop
