#pragma once

#include <exception>
#include <utility>

#include "net/datagram_transport.h"
#include "net/transport.h"

namespace evloop {

// The part of a transport that tells its protocol when to pause and resume writing (asyncio's _FlowControlMixin).
// Loop thread only.
template <class Base, class ProtocolType>
class FlowControlled : public Base {
 public:
  void set_write_buffer_limits(std::optional<std::size_t> high, std::optional<std::size_t> low) final;
  using Base::set_write_buffer_limits;
  [[nodiscard]] BaseTransport::WriteBufferLimits get_write_buffer_limits() const noexcept final {
    return {low_, high_};
  }
  [[nodiscard]] Ref<ProtocolType> get_protocol() const final { return protocol_; }
  [[nodiscard]] EventLoop* loop() const noexcept final { return loop_; }

 protected:
  FlowControlled(EventLoop& loop, Ref<ProtocolType> protocol) noexcept : loop_(&loop), protocol_(std::move(protocol)) {}

  // To be called after the buffer has grown ...
  void maybe_pause_protocol() {
    if (this->get_write_buffer_size() > high_ && !protocol_paused_) [[unlikely]]
      pause_protocol();
  }
  // ... and after it has shrunk. The protocol may write or close here.
  void maybe_resume_protocol() {
    if (protocol_paused_ && this->get_write_buffer_size() <= low_) resume_protocol();
  }
  // Tells the loop's exception handler about `error`, with transport and protocol.
  void report(const char* message, std::exception_ptr error);

  EventLoop* loop_;
  Ref<ProtocolType> protocol_;

 private:
  void pause_protocol();
  void resume_protocol();

  std::size_t high_ = 64 * 1024;
  std::size_t low_ = 16 * 1024;
  bool protocol_paused_ = false;
};

extern template class FlowControlled<Transport, BaseProtocol>;
extern template class FlowControlled<DatagramTransport, DatagramProtocol>;

using FlowControlledTransport = FlowControlled<Transport, BaseProtocol>;

}  // namespace evloop
