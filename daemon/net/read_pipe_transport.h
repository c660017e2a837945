#pragma once

#include "net/pipe_transport.h"

namespace evloop {

// The reading end of a pipe, or a socket or character device that is only read: asyncio's ReadTransport. It has no
// writing side: those calls throw LoopError. Receives into the loop's one buffer.
class ReadPipeTransport final : public PipeTransport {
 public:
  // Throws ValueError for what is neither pipe, socket nor character device (PIPE-01).
  static void check(int fd);
  // Takes over `fd`, which check() has taken, and queues connection_made; reading starts after it (PIPE-02). Throws
  // LoopError if another transport uses the fd; it is closed then.
  static Ref<ReadPipeTransport> create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                       Future<void> waiter = {});

  using Transport::write;
  void write(std::span<const std::byte> data) override;
  void writelines(std::span<const std::span<const std::byte>> chunks) override;
  void write_eof() override;
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return 0; }

  void close() override;
  void abort() override { close(); }
  void pause_reading() override;
  void resume_reading() override;
  [[nodiscard]] bool is_reading() const noexcept override { return !closing_ && !paused_; }
  void set_protocol(Ref<BaseProtocol> protocol) override { protocol_ = std::move(protocol); }
  [[nodiscard]] std::string describe() const override;

 private:
  ReadPipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol);

  // PipeTransport
  void start() override;
  [[nodiscard]] bool is_ordinary(const std::exception_ptr& error) const override;
  void force_close(std::exception_ptr error) override;

  void watch_readable();
  void read_ready();
  void end_of_data();

  bool started_ = false;
  bool paused_ = false;
};

}  // namespace evloop
