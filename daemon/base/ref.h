#pragma once

#include <cstddef>
#include <utility>

namespace evloop {

// Owning pointer to an object that counts its own references with add_ref() and release(). Not atomic
// by itself: it is as thread-safe as the object's counter.
template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  Ref(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_) object_->add_ref();
  }
  // Takes over a reference that the caller already has.
  [[nodiscard]] static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires(!__is_same(T, U) && __is_convertible_to(U*, T*))
  Ref(const Ref<U>& other) noexcept : Ref(other.get()) {}  // NOLINT(google-explicit-constructor)
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->release();
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
  [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }
  friend bool operator==(const Ref&, const Ref&) = default;

 private:
  T* object_ = nullptr;
};

// One that is never none and stays where it is: its end asks no questions.
template <class T>
class HeldRef {
 public:
  explicit HeldRef(Ref<T>&& object) noexcept : object_(*object.detach()) {}
  HeldRef(const HeldRef&) = delete;
  HeldRef& operator=(const HeldRef&) = delete;
  ~HeldRef() { object_.release(); }

  [[nodiscard]] T& operator*() const noexcept { return object_; }
  T* operator->() const noexcept { return &object_; }

 private:
  T& object_;
};

}  // namespace evloop
