#pragma once

#include <optional>
#include <span>
#include <string>

#include "net/transport.h"

namespace evloop {

// A transport that sends nothing and remembers whether it reads.
class PausableTransport final : public Transport {
 public:
  using Transport::write;
  void write(std::span<const std::byte>) override {}
  void writelines(std::span<const std::span<const std::byte>>) override {}
  void write_eof() override {}
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  void close() override {}
  void abort() override {}
  void pause_reading() override {
    reading = false;
    ++pauses;
  }
  void resume_reading() override { reading = true; }
  [[nodiscard]] bool is_reading() const noexcept override { return reading; }
  using Transport::set_write_buffer_limits;
  void set_write_buffer_limits(std::optional<std::size_t>, std::optional<std::size_t>) override {}
  [[nodiscard]] WriteBufferLimits get_write_buffer_limits() const noexcept override { return {}; }
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return 0; }
  void set_protocol(Ref<BaseProtocol>) override {}
  [[nodiscard]] Ref<BaseProtocol> get_protocol() const override { return nullptr; }
  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] const SocketAddress& sockname() const override { return none_; }
  [[nodiscard]] const SocketAddress& peername() const override { return none_; }
  [[nodiscard]] std::string describe() const override { return "<PausableTransport>"; }
  [[nodiscard]] EventLoop* loop() const noexcept override { return nullptr; }

  bool reading = true;
  int pauses = 0;

 private:
  SocketAddress none_;
};

}  // namespace evloop
