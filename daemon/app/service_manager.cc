#include "app/service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace evloopd::app::service_manager {

void ready(const std::string& status) { ::sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str()); }

void stopping(const std::string& status, std::chrono::nanoseconds at_most) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(at_most + std::chrono::seconds(10)).count();
  ::sd_notify(0, fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, micros).c_str());
}

}  // namespace evloopd::app::service_manager
