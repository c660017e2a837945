#pragma once

#include <atomic>
#include <string>
#include <utility>

namespace evloopd::host {

// What a loop is called. It changes once at most: when another loop takes its place, and its name. Any thread.
class LoopName {
 public:
  explicit LoopName(std::string name) : first_(std::move(name)) {}
  LoopName(const LoopName&) = delete;
  LoopName& operator=(const LoopName&) = delete;

  [[nodiscard]] const std::string& get() const noexcept { return *now_.load(std::memory_order_acquire); }
  // As it was made.
  [[nodiscard]] const std::string& first() const noexcept { return first_; }
  [[nodiscard]] bool has_changed() const noexcept { return &get() != &first_; }
  // Once, by one thread.
  void change(std::string name) {
    later_ = std::move(name);
    now_.store(&later_, std::memory_order_release);
  }

 private:
  const std::string first_;
  std::string later_;
  std::atomic<const std::string*> now_{&first_};
};

}  // namespace evloopd::host
