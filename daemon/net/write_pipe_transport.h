#pragma once

#include <cstdint>

#include "net/bytes.h"
#include "net/pipe_transport.h"

namespace evloop {

// The writing end of a pipe, or a socket or character device that is only written: asyncio's WriteTransport. It reads
// nothing: to pause and resume that has no effect. The first one has the process ignore SIGPIPE, as Python does, unless
// the program says what it wants: a pipe, unlike a socket, cannot be written to without it.
class WritePipeTransport final : public PipeTransport {
 public:
  // Throws ValueError for what is neither pipe, socket nor character device (PIPE-01).
  static void check(int fd);
  // Takes over `fd`, which check() has taken, and queues connection_made (PIPE-02). Throws LoopError if another
  // transport uses the fd; it is closed then.
  static Ref<WritePipeTransport> create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                        Future<void> waiter = {});

  using Transport::write;
  // Once it is closing, what is written is dropped (PIPE-07).
  void write(std::span<const std::byte> data) override;
  void writelines(std::span<const std::span<const std::byte>> chunks) override;
  // A pipe has one side only: its end of data is its end (PIPE-06).
  void write_eof() override { close(); }
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return buffer_.size(); }

  void close() override;
  // Drops the buffer (PIPE-09).
  void abort() override;
  void pause_reading() override {}
  void resume_reading() override {}
  [[nodiscard]] bool is_reading() const noexcept override { return false; }
  void set_protocol(Ref<BaseProtocol> protocol) override { protocol_ = std::move(protocol); }
  [[nodiscard]] std::string describe() const override;

 private:
  WritePipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol);

  // PipeTransport
  void start() override;
  [[nodiscard]] bool is_ordinary(const std::exception_ptr& error) const override;
  void force_close(std::exception_ptr error) override;

  void peer_closed();
  void write_ready();
  void write_failed();

  Bytes buffer_;  // what waits to be written
  std::uint32_t dropped_writes_ = 0;
  bool lost_ = false;  // connection_lost is queued
};

}  // namespace evloop
