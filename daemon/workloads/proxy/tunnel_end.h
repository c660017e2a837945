#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>

#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/byte_tally.h"
#include "workloads/proxy/splice.h"
#include "workloads/proxy/tunnel.h"

namespace evloopd::workloads {

// One of the two sockets. What it receives, it writes to the other straight from the loop's receive buffer, and it
// reads nothing while the other has too much to write. When much comes, it has it spliced.
class Tunnel::End : public evloop::Protocol, public SpliceOwner {
 public:
  using Counter = void (ByteTally::*)(std::size_t bytes);

  End(Tunnel& tunnel, Counter received) noexcept : tunnel_(tunnel), counter_(received) {}
  // Also without connection_lost, when the loop is closed.
  ~End() override;

  void open(Socket socket, End& other);
  // Of one with TLS, which has waited.
  void begin() {
    if (!plain_) transport_->resume_reading();
  }
  void abort() { transport_->abort(); }
  // Has the peer see a reset, not an end of data.
  void reset();
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }

  void data_received(std::span<const std::byte> data) override;
  bool eof_received() override;
  void pause_writing() override;
  void resume_writing() override;
  void connection_lost(std::exception_ptr error) override;

 protected:
  // Bytes that may wait in the socket's own buffer.
  [[nodiscard]] virtual std::size_t write_buffer() const noexcept;
  // The other one has sent all, and is gone.
  virtual void other_closed() { transport_->close(); }
  void count(std::size_t bytes);

  Tunnel& tunnel_;
  End* other_ = nullptr;  // null once one of them is lost
  evloop::Transport* transport_ = nullptr;
  bool ended_ = false;  // its peer sends no more

 private:
  void spliced(std::size_t bytes) override { count(bytes); }
  void begin_splice();

  const Counter counter_;
  evloop::SocketTransport* plain_ = nullptr;  // its transport, unless it is one with TLS
  std::uint64_t received_ = 0;
  int streak_ = 0;  // receives in a row that brought much
  bool lost_ = false;
  std::unique_ptr<Splice> splice_;  // from here to the other, once there was much
};

}  // namespace evloopd::workloads
