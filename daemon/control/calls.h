#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace evloopd::control {

// The calls that wait for a loop now, on all sockets. There may be only so many: each holds a gRPC thread, and enough
// threads must be left to answer the reads while any number of callers wait for a blocked loop. Any thread.
class Calls {
 public:
  // Held while a call waits. Empty: refused.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Calls* calls, std::uint64_t id) : calls_(calls), id_(id) {}
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    [[nodiscard]] explicit operator bool() const noexcept { return calls_ != nullptr; }

   private:
    Calls* calls_ = nullptr;
    std::uint64_t id_ = 0;
  };

  explicit Calls(std::size_t limit) : limit_(limit) {}

  // `what` names the call for `waiting()`.
  [[nodiscard]] Ticket enter(std::string what);

  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::vector<std::string> waiting() const;  // oldest first

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::uint64_t next_id_ = 0;                   // guarded by mutex_
  std::map<std::uint64_t, std::string> calls_;  // guarded by mutex_
};

}  // namespace evloopd::control
