#pragma once

#include <cstddef>
#include <utility>

namespace evloop {

// Freed memory of one kind that a thread keeps, to use it again without asking anybody. Given back when the thread
// ends, and when it has nothing to do for a while. Each is known to its thread while it lives; that thread only.
class SpareMemory {
 public:
  SpareMemory(const SpareMemory&) = delete;
  SpareMemory& operator=(const SpareMemory&) = delete;

  // What the calling thread keeps, of all kinds: in bytes, and no more.
  [[nodiscard]] static std::size_t kept() noexcept;
  // To the system, with what else malloc has: it looks through all that is free, so not for a little.
  static void give_back_all() noexcept;

 protected:
  SpareMemory() noexcept;
  ~SpareMemory();

 private:
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  virtual void give_back() noexcept = 0;

  SpareMemory* next_;
};

// The free blocks of a thread, in its `Spare`: of which `lists` leads to them, `deallocate()` ends one, and `room` is
// what it may still take of `most_kept` bytes. That is 0 before begin(), and when the thread is about to end.
template <class Spare>
class SpareBlocks final : public SpareMemory {
 public:
  // At the thread's first block. False if it has been called already.
  static bool begin(Spare& spare) noexcept {
    constinit thread_local bool begun = false;
    if (std::exchange(begun, true)) return false;
    thread_local const SpareBlocks until_the_end(spare);
    return true;
  }

  explicit SpareBlocks(Spare& spare) noexcept : spare_(spare) { spare.room = Spare::most_kept; }
  ~SpareBlocks() {
    give_back();
    spare_.room = 0;
  }

 private:
  [[nodiscard]] std::size_t size() const noexcept override { return Spare::most_kept - spare_.room; }
  void give_back() noexcept override {
    for (auto& first : spare_.lists)
      while (first) Spare::deallocate(std::exchange(first, first->next));
    spare_.room = Spare::most_kept;
  }

  Spare& spare_;
};

}  // namespace evloop
