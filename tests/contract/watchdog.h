#pragma once

#include <string>

namespace evloop::contract {

// Ends the process, naming the program, if that takes unreasonably long. One at a time.
class Watchdog {
 public:
  explicit Watchdog(const std::string& program);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace evloop::contract
