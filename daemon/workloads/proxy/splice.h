#pragma once

#include <cstddef>
#include <exception>

#include "base/block_cache.h"
#include "net/socket_transport.h"
#include "workloads/proxy/pipe_pool.h"

namespace evloopd::workloads {

// Who is told what a splice has moved.
class SpliceOwner {
 public:
  virtual void spliced(std::size_t bytes) = 0;

 protected:
  ~SpliceOwner() = default;
};

// One direction of a tunnel of two plain sockets while it carries much: the bytes go from socket to socket through a
// pipe, and are never copied out of the kernel. Holds at most what one pipe takes, and none while nothing waits to be
// sent. Stands between begin() and end() and may begin again. Loop thread only.
class Splice final : public evloop::BlockCached, private evloop::DirectReceiver, private evloop::DirectSender {
 public:
  // `most`: bytes held for a slow reader. `from` and `owner` outlive it, the pool too.
  Splice(PipePool& pipes, evloop::SocketTransport& from, evloop::Ref<evloop::SocketTransport> to, std::size_t most,
         SpliceOwner& owner) noexcept;
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  // Nothing waits in the buffer of `to`, and nobody writes to it but this.
  void begin() noexcept;
  [[nodiscard]] bool is_on() const noexcept { return on_; }

 private:
  // So many receives in a row that brought little end it.
  static constexpr int patience = 8;

  std::ptrdiff_t receive(int fd) override;
  bool send(int fd) override;
  void connection_lost(std::exception_ptr error) override;

  // False if the socket takes no more for now.
  [[nodiscard]] bool flush(int fd) noexcept;
  void end() noexcept;
  void let_pipe_go() noexcept;

  PipePool& pipes_;
  evloop::SocketTransport& from_;
  const evloop::Ref<evloop::SocketTransport> to_;
  SpliceOwner& owner_;
  const std::size_t most_;
  Pipe pipe_;             // while it holds something
  std::size_t held_ = 0;  // in the pipe
  int small_ = 0;         // receives in a row
  bool on_ = false;
  bool just_full_ = false;  // the socket has taken no more a moment ago
};

}  // namespace evloopd::workloads
