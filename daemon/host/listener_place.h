#pragma once

#include <memory>
#include <utility>

namespace evloopd::host {

class ListenerLimit;

// The place of one connection among those that its listener lets in, held for as long as it is open. Empty if it does
// not count. Any thread.
class ListenerPlace {
 public:
  ListenerPlace() noexcept = default;
  // One that ListenerLimit::enter() has counted.
  explicit ListenerPlace(std::shared_ptr<ListenerLimit> limit) noexcept : limit_(std::move(limit)) {}
  ListenerPlace(ListenerPlace&&) noexcept = default;
  ListenerPlace& operator=(ListenerPlace&& other) noexcept {
    std::swap(limit_, other.limit_);
    return *this;
  }
  ~ListenerPlace() { release(); }

  [[nodiscard]] explicit operator bool() const noexcept { return limit_ != nullptr; }
  // Somebody else may come. Idempotent.
  void release() noexcept {
    if (limit_) leave();
  }

 private:
  void leave() noexcept;

  std::shared_ptr<ListenerLimit> limit_;
};

}  // namespace evloopd::host
