#pragma once

#include <chrono>
#include <string>

// What the daemon tells systemd, where that started it as Type=notify; nothing happens elsewhere. Any thread.
namespace evloopd::app::service_manager {

void ready(const std::string& status);
// A shutdown that will take up to `at_most`.
void stopping(const std::string& status, std::chrono::nanoseconds at_most);

}  // namespace evloopd::app::service_manager
