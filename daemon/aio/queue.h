#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/coro.h"
#include "aio/event.h"
#include "aio/waiters.h"

namespace evloop {

// The part of a queue that does not depend on its items. Its users are those of BasicQueue.
class QueueBase {
 public:
  QueueBase(const QueueBase&) = delete;
  QueueBase& operator=(const QueueBase&) = delete;

  // These are exact until the next suspension (QUEUE-10).
  [[nodiscard]] std::size_t qsize() const noexcept { return size_; }
  [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return maxsize_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return maxsize_ > 0 && size_ >= static_cast<std::size_t>(maxsize_); }

  // An item that was got is dealt with. Throws ValueError for more of them than were put.
  void task_done();
  // Returns when all items put have been dealt with.
  Coro<void> join();

  [[nodiscard]] std::string repr() const;

 protected:
  explicit QueueBase(std::ptrdiff_t maxsize) : maxsize_(maxsize) { finished_.set(); }
  ~QueueBase() = default;

  // Return when the queue is not full (not empty). Throw QueueShutDown.
  Coro<void> wait_for_room();
  Coro<void> wait_for_item();
  // Before an item goes in (out), and after.
  void check_room() const;
  void check_item() const;
  void item_put();
  void item_got();
  void shut_down(bool discarded);

 private:
  const std::ptrdiff_t maxsize_;
  std::size_t size_ = 0;
  std::size_t unfinished_ = 0;
  bool shut_down_ = false;
  LoopBinding binding_;
  Waiters getters_;
  Waiters putters_;
  Event finished_{WaitKind::queue};
};

// Items in order of arrival. A ring that doubles when full and never shrinks.
template <class T>
class FifoItems {
 public:
  using Item = T;

  FifoItems() = default;
  FifoItems(FifoItems&& other) noexcept { *this = std::move(other); }
  FifoItems& operator=(FifoItems&& other) noexcept {
    std::swap(ring_, other.ring_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~FifoItems() {
    while (size_ > 0) static_cast<void>(pop());
  }

  void push(T&& item) {
    if (size_ == capacity_) grow();
    std::construct_at(slot(size_), std::move(item));
    ++size_;
  }
  [[nodiscard]] T pop() {
    struct Removal {
      FifoItems& items;
      ~Removal() {
        std::destroy_at(items.slot(0));
        items.first_ = (items.first_ + 1) & (items.capacity_ - 1);
        --items.size_;
      }
    };
    const Removal removal{*this};
    return std::move(*slot(0));
  }

 private:
  struct Free {
    std::size_t count;
    void operator()(T* memory) const noexcept { std::allocator<T>().deallocate(memory, count); }
  };
  using Ring = std::unique_ptr<T[], Free>;

  [[nodiscard]] T* slot(std::size_t n) const noexcept { return ring_.get() + ((first_ + n) & (capacity_ - 1)); }
  void grow() {
    const auto capacity = capacity_ == 0 ? std::size_t{8} : capacity_ * 2;
    Ring ring(std::allocator<T>().allocate(capacity), Free{capacity});
    for (std::size_t n = 0; n < size_; ++n) {
      std::construct_at(ring.get() + n, std::move(*slot(n)));
      std::destroy_at(slot(n));
    }
    ring_ = std::move(ring);
    capacity_ = capacity;
    first_ = 0;
  }

  Ring ring_{nullptr, Free{0}};
  std::size_t capacity_ = 0;  // a power of two, or 0
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

// The latest item first.
template <class T>
class LifoItems {
 public:
  using Item = T;

  void push(T&& item) { items_.push_back(std::move(item)); }
  [[nodiscard]] T pop() {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  std::vector<T> items_;
};

// The smallest item first; equal ones in no order that is promised.
template <class T, class Compare>
class PriorityItems {
 public:
  using Item = T;

  void push(T&& item) {
    items_.push_back(std::move(item));
    std::ranges::push_heap(items_, after);
  }
  [[nodiscard]] T pop() {
    std::ranges::pop_heap(items_, after);
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  static bool after(const T& a, const T& b) { return Compare()(b, a); }

  std::vector<T> items_;
};

// asyncio.Queue and its kin: hands items from tasks to tasks, with an upper bound if `maxsize` is positive
// (QUEUE-01 to QUEUE-10). An item is not handed to a particular waiter: a woken task competes with whoever
// calls before it runs (QUEUE-05). Outlives who waits for it. One loop's thread.
template <class Items>
class BasicQueue final : public QueueBase {
 public:
  using Item = typename Items::Item;

  explicit BasicQueue(std::ptrdiff_t maxsize = 0) : QueueBase(maxsize) {}

  // Suspends only if the queue is full. Throws QueueShutDown.
  Coro<void> put(Item item) {
    if (full()) co_await wait_for_room();
    put_nowait(std::move(item));
  }
  // Suspends only if the queue is empty. Throws QueueShutDown when it is shut down and empty.
  Coro<Item> get() {
    if (empty()) co_await wait_for_item();
    co_return get_nowait();
  }
  // Throws QueueFull or QueueShutDown.
  void put_nowait(Item item) {
    check_room();
    items_.push(std::move(item));
    item_put();
  }
  // Throws QueueEmpty or QueueShutDown.
  Item get_nowait() {
    check_item();
    Item item = items_.pop();
    item_got();
    return item;
  }

  // From now on nothing is put, and nothing got but what is there (QUEUE-08). `immediate`: that is discarded,
  // and counts as dealt with (QUEUE-09).
  void shutdown(bool immediate = false) {
    // What is discarded goes last: its destructors may look at the queue.
    const auto discarded = immediate ? std::exchange(items_, Items()) : Items();
    shut_down(immediate);
  }

 private:
  Items items_;
};

template <class T>
using Queue = BasicQueue<FifoItems<T>>;
template <class T>
using LifoQueue = BasicQueue<LifoItems<T>>;
template <class T, class Compare = std::less<T>>
using PriorityQueue = BasicQueue<PriorityItems<T, Compare>>;

}  // namespace evloop
