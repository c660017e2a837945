#include "net/flow_control.h"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>
#include <utility>

#include "aio/event_loop.h"

namespace evloop {
namespace {

template <class ProtocolType>
std::string type_name(const ProtocolType& protocol) {
  int status = 0;
  const auto* mangled = typeid(protocol).name();
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         std::free);
  return status == 0 ? name.get() : mangled;
}

}  // namespace

template <class Base, class ProtocolType>
FlowControlled<Base, ProtocolType>::FlowControlled(EventLoop& loop, Ref<ProtocolType> protocol)
    : loop_(&loop), protocol_(std::move(protocol)) {
  if (CurrentContext::any()) special().context = CurrentContext::capture();
}

template <class Base, class ProtocolType>
FlowControlled<Base, ProtocolType>::Special& FlowControlled<Base, ProtocolType>::special() {
  if (!special_) special_.reset(new Special);
  return *special_;
}

template <class Base, class ProtocolType>
BaseTransport::WriteBufferLimits FlowControlled<Base, ProtocolType>::get_write_buffer_limits() const noexcept {
  if (special_ && special_->has_limits()) return special_->limits;
  const auto high = flow_control().high;
  return {.low = high / 4, .high = high};
}

template <class Base, class ProtocolType>
void FlowControlled<Base, ProtocolType>::set_write_buffer_limits(std::optional<std::size_t> high,
                                                                 std::optional<std::size_t> low) {
  if (!high) high = low ? 4 * *low : flow_control().high;
  if (!low) low = *high / 4;
  if (*high < *low)
    throw ValueError("high (" + std::to_string(*high) + ") must be >= low (" + std::to_string(*low) + ") must be >= 0");
  special().limits = {.low = *low, .high = *high};
  maybe_pause_protocol();
}

template <class Base, class ProtocolType>
void FlowControlled<Base, ProtocolType>::maybe_pause_protocol() {
  if (protocol_paused_) return;
  const auto size = this->get_write_buffer_size();
  const auto high = get_write_buffer_limits().high;
  if (size > high || (size == high && flow_control().pause_at_high)) pause_protocol();
}

template <class Base, class ProtocolType>
void FlowControlled<Base, ProtocolType>::pause_protocol() {
  protocol_paused_ = true;
  const auto protocol = protocol_;
  if (!protocol) return;
  try {
    protocol->pause_writing();
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    report("protocol.pause_writing() failed", std::current_exception());
  }
}

template <class Base, class ProtocolType>
void FlowControlled<Base, ProtocolType>::resume_protocol() {
  protocol_paused_ = false;
  const auto protocol = protocol_;
  if (!protocol) return;
  try {
    protocol->resume_writing();
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    report("protocol.resume_writing() failed", std::current_exception());
  }
}

template <class Base, class ProtocolType>
void FlowControlled<Base, ProtocolType>::report(const char* message, std::exception_ptr error) {
  ErrorContext context{.message = message, .exception = std::move(error)};
  context.more["transport"] = this->describe();
  if (protocol_) context.more["protocol"] = type_name(*protocol_);
  loop_->call_exception_handler(context);
}

template class FlowControlled<Transport, BaseProtocol>;
template class FlowControlled<DatagramTransport, DatagramProtocol>;

}  // namespace evloop
