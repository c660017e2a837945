#include "workloads/checks/grpc_check.h"

#include <chrono>

#include "workloads/checks/health_call.h"

namespace evloopd::workloads {

evloop::Coro<std::string> ask_grpc_health(const evloop::Stream& stream, const CheckOptions& options,
                                          const std::string& authority) {
  HealthCall call({.service = options.service,
                   .authority = options.authority.empty() ? authority : options.authority,
                   .tls = options.tls,
                   .timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout)});
  for (;;) {
    if (const auto output = call.output(); !output.empty()) stream.writer->write(output);
    if (call.is_over()) break;
    const auto data = co_await stream.reader->read(16 * 1024);
    if (data.empty()) break;
    call.feed(data);
  }
  co_return call.verdict();
}

}  // namespace evloopd::workloads
