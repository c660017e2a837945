#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace evloop {

// A callable taking nothing, kept inside its owner up to `inline_size` bytes: scheduling a lambda with
// a few captures allocates nothing. Neither copied nor moved; its owner lives on the heap.
class Callable {
 public:
  static constexpr std::size_t inline_size = 40;

  Callable() noexcept = default;
  Callable(const Callable&) = delete;
  Callable& operator=(const Callable&) = delete;
  ~Callable() { reset(); }

  template <class F>
  explicit Callable(F&& function) {
    using Function = std::decay_t<F>;
    if constexpr (fits<Function>) {
      ::new (static_cast<void*>(storage_)) Function(std::forward<F>(function));
      actions_ = &inline_actions<Function>;
    } else {
      ::new (static_cast<void*>(storage_)) Function*(new Function(std::forward<F>(function)));
      actions_ = &heap_actions<Function>;
    }
  }

  void operator()() { actions_->call(storage_); }

  // Drops the callable and what it captured.
  void reset() noexcept {
    if (const auto* actions = std::exchange(actions_, nullptr)) actions->destroy(storage_);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return actions_ != nullptr; }

 private:
  struct Actions {
    void (*call)(void*);
    void (*destroy)(void*) noexcept;
  };
  template <class F>
  static constexpr bool fits = sizeof(F) <= inline_size && alignof(F) <= alignof(void*);
  template <class F>
  static constexpr Actions inline_actions{[](void* f) { static_cast<void>((*static_cast<F*>(f))()); },
                                          [](void* f) noexcept { std::destroy_at(static_cast<F*>(f)); }};
  template <class F>
  static constexpr Actions heap_actions{[](void* f) { static_cast<void>((**static_cast<F**>(f))()); },
                                        [](void* f) noexcept { delete *static_cast<F**>(f); }};

  const Actions* actions_ = nullptr;
  alignas(void*) std::byte storage_[inline_size];
};

}  // namespace evloop
