#pragma once

#include <cstddef>

namespace evloopd::workloads {

// A list through its elements, which derive from LinkedList<T>::Hook and are owned elsewhere. Joining
// and leaving allocate nothing.
template <class T>
class LinkedList {
 public:
  class Hook {
   public:
    [[nodiscard]] T* next() const noexcept { return next_; }

   private:
    friend class LinkedList;
    T* previous_ = nullptr;
    T* next_ = nullptr;
  };

  LinkedList() = default;
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;

  [[nodiscard]] T* front() const noexcept { return first_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  void push_back(T& element) noexcept {
    Hook& hook = element;
    hook.previous_ = last_;
    hook.next_ = nullptr;
    (last_ ? after(*last_) : first_) = &element;
    last_ = &element;
    ++size_;
  }
  void remove(T& element) noexcept {
    const Hook& hook = element;
    (hook.previous_ ? after(*hook.previous_) : first_) = hook.next_;
    (hook.next_ ? before(*hook.next_) : last_) = hook.previous_;
    --size_;
  }

 private:
  static T*& after(Hook& hook) noexcept { return hook.next_; }
  static T*& before(Hook& hook) noexcept { return hook.previous_; }

  T* first_ = nullptr;
  T* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace evloopd::workloads
