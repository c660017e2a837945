#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/await.h"
#include "aio/coro.h"
#include "aio/errors.h"
#include "aio/operation.h"
#include "aio/outcome.h"
#include "base/ref.h"

namespace evloop {

class EventLoop;
class LoopPort;

// What is asked of a generator.
enum class GeneratorVerb : std::uint8_t { anext, asend, athrow, aclose };

// The part of an asynchronous generator that does not depend on its types. It is its coroutine's promise,
// counts its own references, and is in the register of the loop that iterated it first. Loop thread only.
class GeneratorBase : public PromiseBase {
 public:
  GeneratorBase(const GeneratorBase&) = delete;
  GeneratorBase& operator=(const GeneratorBase&) = delete;

  // The generator function.
  [[nodiscard]] std::source_location where() const noexcept { return where_; }
  [[nodiscard]] bool finished() const noexcept { return state_ == State::finished; }

  void add_ref() noexcept { ++references_; }
  // The last one to go, of a generator half consumed, has the loop close it in a task (AGEN-02).
  void release() noexcept {
    if (--references_ == 0) dispose();
  }

  // Joins the register of the running loop, the first time (AGEN-01).
  void register_once();

  // For awaiters. Throws "... is already running" (AGEN-08). Whether the frame is to be resumed; `error` is
  // then thrown at its yield, for aclose() a GeneratorExit if there is none.
  [[nodiscard]] bool begin(GeneratorVerb verb, std::exception_ptr error, bool sends);
  // Hands the task to the generator's frame, which is to be resumed.
  [[nodiscard]] std::coroutine_handle<> enter(AwaitSite site, std::coroutine_handle<> awaiting) noexcept;
  // When it yielded or ended, or was not resumed at all. True: it yielded. Throws what left the frame.
  bool end(GeneratorVerb verb);

  std::suspend_always initial_suspend() const noexcept { return {}; }
  struct Return {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> frame) const noexcept {
      return frame.promise().leave(State::finished);
    }
    void await_resume() const noexcept {}
  };
  Return final_suspend() const noexcept { return {}; }
  void return_void() noexcept {}
  void unhandled_exception() noexcept;

 protected:
  enum class State : std::uint8_t { created, suspended, running, finished };

  GeneratorBase(std::coroutine_handle<> frame, std::source_location where) noexcept : frame_(frame), where_(where) {}
  ~GeneratorBase() = default;

  std::coroutine_handle<> leave(State state) noexcept {
    state_ = state;
    return std::exchange(continuation_, {});
  }
  // Throws at the yield what was thrown in.
  void arrive() {
    if (injected_) std::rethrow_exception(std::exchange(injected_, nullptr));
  }

 private:
  friend class EventLoop;

  void dispose() noexcept;

  const std::coroutine_handle<> frame_;
  std::coroutine_handle<> continuation_;  // the frame that awaits its next step
  const std::source_location where_;
  std::exception_ptr failure_;   // left the frame
  std::exception_ptr injected_;  // to be thrown at the yield
  // The loop of the first iteration; valid while its port is open.
  EventLoop* loop_ = nullptr;
  std::shared_ptr<LoopPort> port_;
  GeneratorBase* next_ = nullptr;
  GeneratorBase* previous_ = nullptr;
  std::uint32_t references_ = 0;
  State state_ = State::created;
  bool iterated_ = false;
  bool registered_ = false;
  bool busy_ = false;    // an operation is pending
  bool closed_ = false;  // aclose() was called, or it ended
};

// One operation on a generator, whatever its type.
class GeneratorStep {
 public:
  GeneratorStep(Ref<GeneratorBase> generator, GeneratorVerb verb, std::exception_ptr error, bool sends, AwaitSite site)
      : generator_(std::move(generator)), site_(site), verb_(verb) {
    try {
      resumes_ = generator_->begin(verb, std::move(error), sends);
    } catch (...) {
      refusal_ = std::current_exception();  // for await_resume(), where settled() looks for it
    }
  }
  GeneratorStep(const GeneratorStep&) = delete;
  GeneratorStep& operator=(const GeneratorStep&) = delete;

  [[nodiscard]] bool await_ready() const noexcept { return !resumes_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    return generator_->enter(site_, awaiting);
  }
  bool await_resume() {
    if (refusal_) std::rethrow_exception(refusal_);
    if (resumes_) leave_awaited_frame(*site_.task);
    const bool yielded = generator_->end(verb_);
    return yielded && resumes_;  // what it yielded to a close that it ignored is nobody's
  }

 private:
  Ref<GeneratorBase> generator_;
  AwaitSite site_;
  GeneratorVerb verb_;
  bool resumes_ = false;
  std::exception_ptr refusal_;
};

// Ends a generator: GeneratorExit at its co_yield (AGEN-07).
[[nodiscard]] Coro<void> close_generator(Ref<GeneratorBase> generator);

template <class T, class S>
class AsyncGenerator;

template <class T, class S>
class GeneratorPromise final : public GeneratorBase {
 public:
  explicit GeneratorPromise(std::source_location where = std::source_location::current()) noexcept
      : GeneratorBase(std::coroutine_handle<GeneratorPromise>::from_promise(*this), where) {}
  AsyncGenerator<T, S> get_return_object() noexcept;

  struct Yielded {
    GeneratorPromise& promise;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
      return promise.leave(State::suspended);
    }
    // What was sent; `S{}` after anext().
    S await_resume() const {
      promise.arrive();
      return std::exchange(promise.sent_, S{});
    }
  };
  template <class U = T>
    requires std::convertible_to<U&&, T>
  Yielded yield_value(U&& value) {
    yielded_.emplace(std::forward<U>(value));
    return {*this};
  }

  void send(S value) { sent_ = std::move(value); }
  [[nodiscard]] std::optional<T> take_yielded() { return std::exchange(yielded_, std::nullopt); }

 private:
  std::optional<T> yielded_;
  S sent_{};
};

template <class T, class S>
class [[nodiscard]] GeneratorAwaiter : private GeneratorStep {
 public:
  using Promise = GeneratorPromise<T, S>;

  GeneratorAwaiter(const Ref<Promise>& generator, GeneratorVerb verb, std::exception_ptr error, S value, AwaitSite site)
      : GeneratorStep(generator, verb, std::move(error), !(value == S{}), site), promise_(*generator) {
    promise_.send(std::move(value));
  }
  using GeneratorStep::await_ready;
  using GeneratorStep::await_suspend;
  std::optional<T> await_resume() {
    if (!GeneratorStep::await_resume()) return std::nullopt;
    return promise_.take_yielded();
  }

 private:
  Promise& promise_;
};

// An asynchronous generator: a coroutine that yields values of T and may await in between; `S` is what can
// be sent into it. Lazy; copies mean the same generator. Dropped half consumed, it is closed by its loop;
// one that was never iterated just goes. Loop thread only.
//
//   while (auto item = co_await generator.anext()) use(*item);
template <class T, class S = Unit>
class [[nodiscard]] AsyncGenerator {
 public:
  using promise_type = GeneratorPromise<T, S>;

  AsyncGenerator() noexcept = default;
  explicit AsyncGenerator(Ref<promise_type> state) noexcept : state_(std::move(state)) {
    static_assert(alignof(promise_type) <= alignof(std::max_align_t), "frames have the alignment that malloc gives");
  }

  // Awaited, answers the next item, or nothing at the end.
  class [[nodiscard]] Operation : public OperationBase {
   public:
    using Value = std::optional<T>;

    GeneratorAwaiter<T, S> awaited(AwaitSite site) && {
      return {generator_, verb_, std::move(error_), std::move(value_), site};
    }

   private:
    friend AsyncGenerator;
    Operation(Ref<promise_type> generator, GeneratorVerb verb, std::exception_ptr error, S value)
        : generator_(std::move(generator)), error_(std::move(error)), value_(std::move(value)), verb_(verb) {
      generator_->register_once();
    }

    Ref<promise_type> generator_;
    std::exception_ptr error_;
    S value_;
    GeneratorVerb verb_;
  };

  Operation anext() const { return Operation(state_, GeneratorVerb::anext, nullptr, S{}); }
  // ... and the pending co_yield answers `value`. One that has not started takes `S{}` only.
  Operation asend(S value) const { return Operation(state_, GeneratorVerb::asend, nullptr, std::move(value)); }
  // ... and the pending co_yield throws `error`.
  Operation athrow(std::exception_ptr error) const {
    return Operation(state_, GeneratorVerb::athrow, std::move(error), S{});
  }
  // Ends it.
  Coro<void> aclose() const {
    state_->register_once();
    return close_generator(state_);
  }

  [[nodiscard]] GeneratorBase& base() const noexcept { return *state_; }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }

 private:
  Ref<promise_type> state_;
};

template <class T, class S>
AsyncGenerator<T, S> GeneratorPromise<T, S>::get_return_object() noexcept {
  return AsyncGenerator<T, S>(Ref<GeneratorPromise>(this));
}

}  // namespace evloop
