#include "net/flow_control.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

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
void FlowControlled<Base, ProtocolType>::set_write_buffer_limits(std::optional<std::size_t> high,
                                                                 std::optional<std::size_t> low) {
  if (!high) high = low ? 4 * *low : default_high_;
  if (!low) low = *high / 4;
  if (*high < *low)
    throw ValueError("high (" + std::to_string(*high) + ") must be >= low (" + std::to_string(*low) + ") must be >= 0");
  high_ = *high;
  low_ = *low;
  maybe_pause_protocol();
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
