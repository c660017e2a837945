#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace evloopd::control {

// The calls that wait for a loop now, on all sockets. There may be only so many: each holds a gRPC thread, and enough
// threads must be left to answer the reads while any number of callers wait for a blocked loop. One loop may have only
// a part of them, so that the others can still be changed. Any thread.
class Calls {
 public:
  // Held while a call waits. Empty: refused.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Calls* calls, std::uint64_t id) : calls_(calls), id_(id) {}
    explicit Ticket(std::string why_not) : why_not_(std::move(why_not)) {}
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    [[nodiscard]] explicit operator bool() const noexcept { return calls_ != nullptr; }
    [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }  // a sentence, of an empty one

   private:
    Calls* calls_ = nullptr;
    std::uint64_t id_ = 0;
    std::string why_not_;
  };

  Calls(std::size_t limit, std::size_t limit_of_one) : limit_(limit), limit_of_one_(limit_of_one) {}

  // "StopLoop", "loops/io-0".
  [[nodiscard]] Ticket enter(std::string method, std::string resource);

  [[nodiscard]] std::vector<std::string> waiting() const;  // "StopLoop loops/io-0", oldest first

 private:
  struct Call {
    std::string method;
    std::string resource;
  };

  const std::size_t limit_;
  const std::size_t limit_of_one_;
  mutable std::mutex mutex_;
  std::uint64_t next_id_ = 0;            // guarded by mutex_
  std::map<std::uint64_t, Call> calls_;  // guarded by mutex_
};

}  // namespace evloopd::control
