#pragma once

#include "net/transport.h"

namespace evloop {

// The part of a transport that tells its protocol when to pause and resume writing (asyncio's _FlowControlMixin).
// Loop thread only.
class FlowControlledTransport : public Transport {
 public:
  void set_write_buffer_limits(std::optional<std::size_t> high, std::optional<std::size_t> low) final;
  [[nodiscard]] WriteBufferLimits get_write_buffer_limits() const noexcept final { return {low_, high_}; }
  [[nodiscard]] Ref<BaseProtocol> get_protocol() const final { return protocol_; }
  [[nodiscard]] EventLoop* loop() const noexcept final { return loop_; }
  using Transport::set_write_buffer_limits;

 protected:
  FlowControlledTransport(EventLoop& loop, Ref<BaseProtocol> protocol) noexcept
      : loop_(&loop), protocol_(std::move(protocol)) {}

  // To be called after the buffer has grown ...
  void maybe_pause_protocol() {
    if (get_write_buffer_size() > high_ && !protocol_paused_) [[unlikely]]
      pause_protocol();
  }
  // ... and after it has shrunk. The protocol may write or close here.
  void maybe_resume_protocol() {
    if (protocol_paused_ && get_write_buffer_size() <= low_) resume_protocol();
  }
  // Tells the loop's exception handler about `error`, with transport and protocol.
  void report(const char* message, std::exception_ptr error);

  EventLoop* loop_;
  Ref<BaseProtocol> protocol_;

 private:
  void pause_protocol();
  void resume_protocol();

  std::size_t high_ = 64 * 1024;
  std::size_t low_ = 16 * 1024;
  bool protocol_paused_ = false;
};

}  // namespace evloop
