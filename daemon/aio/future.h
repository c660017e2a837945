#pragma once

#include <concepts>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/await.h"
#include "aio/future_base.h"
#include "aio/outcome.h"

namespace evloop {

// Where a future keeps its value. One without a value keeps nothing: its state says all.
template <class T>
class ResultSlot : public std::optional<T> {};
template <>
class ResultSlot<Unit> {
 public:
  [[nodiscard]] const Unit& operator*() const noexcept { return unit_; }
  void emplace(Unit) noexcept {}

 private:
  [[no_unique_address]] Unit unit_;
};

// The shared state of a Future<T>.
template <class T>
class FutureState : public FutureBase {
 public:
  using FutureBase::FutureBase;

  // Throws InvalidState if done.
  virtual void set_result(Stored<T> value) {
    check_pending();
    finish_with_value(std::move(value));
  }

  // The value; throws the exception, CancelledError, or InvalidState while pending (FUT-02).
  [[nodiscard]] const Stored<T>& result() {
    check_result();
    return *value_;
  }

  // What `co_await` answers: a copy, or the value itself if nobody else holds this future or it cannot
  // be copied (it can then be had once).
  [[nodiscard]] Stored<T> take_result() {
    check_result();
    if constexpr (!std::copy_constructible<Stored<T>>) {
      if (!value_) throw InvalidState("Result was moved out already.");
      auto value = std::move(*value_);
      value_.reset();
      return value;
    } else {
      if (uniquely_referenced()) return std::move(*value_);
      return *value_;
    }
  }

  T take_result_as() {
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(take_result());
    } else {
      return take_result();
    }
  }

 protected:
  void finish_with_value(Stored<T> value) {
    value_.emplace(std::move(value));
    finish(State::finished);
  }

 private:
  [[no_unique_address]] ResultSlot<Stored<T>> value_;
};

// Reads the outcome of a future for the task that waited for it.
template <class T>
class FutureAwaiter : public WaitForFuture {
 public:
  FutureAwaiter(Ref<FutureState<T>> state, AwaitSite site) noexcept : WaitForFuture(site), state_(std::move(state)) {}

  [[nodiscard]] bool await_ready() const noexcept { return state_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> frame) {
    wait(frame, *state_);
  }
  T await_resume() {
    deliver_interrupt(*state_);
    return state_->take_result_as();
  }

 private:
  Ref<FutureState<T>> state_;
};

// A result that is not there yet. Copies mean the same future; an empty one means none. Loop thread only.
template <class T>
class [[nodiscard]] Future {
 public:
  using Value = T;

  Future() noexcept = default;
  explicit Future(Ref<FutureState<T>> state) noexcept : state_(std::move(state)) {}

  [[nodiscard]] bool done() const noexcept { return state_->done(); }
  [[nodiscard]] bool cancelled() const noexcept { return state_->cancelled(); }
  decltype(auto) result() const {
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(state_->result());
    } else {
      return state_->result();
    }
  }
  [[nodiscard]] std::exception_ptr exception() const { return state_->exception(); }
  bool cancel(std::optional<std::string> message = std::nullopt) const { return state_->cancel(std::move(message)); }

  template <class U = Stored<T>>
    requires(!std::is_void_v<T>)
  void set_result(U&& value) const {
    state_->set_result(Stored<T>(std::forward<U>(value)));
  }
  void set_result() const
    requires(std::is_void_v<T>)
  {
    state_->set_result(Unit{});
  }
  void set_exception(std::exception_ptr error) const { state_->set_exception(std::move(error)); }
  template <class E>
    requires(!std::same_as<std::decay_t<E>, std::exception_ptr>)
  void set_exception(E&& error) const {
    state_->set_exception(std::make_exception_ptr(std::forward<E>(error)));
  }

  // `function` takes a Future<T>. See FutureBase.
  template <class F>
  DoneCallbackId add_done_callback(F&& function, std::source_location where = std::source_location::current()) const {
    static_assert(!CoroutineObject<std::invoke_result_t<std::decay_t<F>&, Future>>,
                  "coroutines cannot be used as callbacks, they would never run: make it a task, with create_task()");
    return state_->add_done_callback(adapted(std::forward<F>(function),
                                             []<class G>(G&& typed) {
                                               return [f = std::forward<G>(typed)](FutureBase& future) mutable {
                                                 f(Future(Ref<FutureState<T>>(static_cast<FutureState<T>*>(&future))));
                                               };
                                             }),
                                     where);
  }
  std::size_t remove_done_callback(const DoneCallbackId& id) const noexcept { return state_->remove_done_callback(id); }

  [[nodiscard]] EventLoop& loop() const noexcept { return state_->loop(); }
  [[nodiscard]] const Ref<FutureState<T>>& state() const noexcept { return state_; }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  friend bool operator==(const Future&, const Future&) = default;

  FutureAwaiter<T> awaited(AwaitSite site) const& { return {state_, site}; }
  FutureAwaiter<T> awaited(AwaitSite site) && { return {std::move(state_), site}; }

 protected:
  Ref<FutureState<T>> state_;
};

}  // namespace evloop
