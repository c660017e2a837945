#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/event_loop.h"

namespace evloop {

// The part of a gather that does not depend on types: counts its children as they end.
class GatherBase {
 public:
  // Takes further children; those of a wrong loop throw ValueError (COMB-03). The same one twice runs once.
  void add(FutureBase& child);
  // All are there: answers for those that were done before (COMB-08).
  void begin();

 protected:
  // `keeps_errors`: they become values (COMB-06).
  GatherBase(FutureBase& self, bool keeps_errors) noexcept : self_(self), keeps_errors_(keeps_errors) {}
  ~GatherBase() = default;

  bool cancel_children(const std::optional<std::string>& message);
  // The future of the n-th argument, which is done.
  [[nodiscard]] FutureBase& child(std::size_t n) const noexcept { return *slots_[order_[n]].ended; }
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

 private:
  class Link;
  // A child is not owned until it has ended: it keeps this alive, by its callback.
  struct Slot {
    FutureBase* pending = nullptr;
    FutureRef ended;
  };

  void child_ended(std::size_t slot, FutureBase& child);
  [[nodiscard]] std::optional<std::size_t> find(const FutureBase& child) const noexcept;
  virtual void give_values() = 0;
  virtual void give_error(std::exception_ptr error) = 0;

  FutureBase& self_;
  const bool keeps_errors_;
  bool cancel_requested_ = false;
  std::size_t ended_ = 0;
  std::vector<Slot> slots_;         // one for each different child
  std::vector<std::size_t> order_;  // by argument: its slot
  std::vector<std::size_t> early_;  // slots of those done before begin()
};

// What a gather answers for one child.
template <class T>
[[nodiscard]] Stored<T> gathered_value(FutureBase& child) {
  return static_cast<FutureState<T>&>(child).take_result();
}
template <class T>
[[nodiscard]] Outcome<T> gathered_outcome(FutureBase& child) {
  if (child.cancelled()) {
    const auto* text = child.cancel_message();
    return Outcome<T>::failed(std::make_exception_ptr(CancelledError(text ? *text : std::string())));
  }
  if (auto error = child.exception()) return Outcome<T>::failed(std::move(error));
  return Outcome<T>::of(gathered_value<T>(child));
}

// `Read` makes the result out of the ended children.
template <class Result, class Read>
class GatherState final : public FutureState<Result>, public GatherBase {
 public:
  GatherState(EventLoop& loop, bool keeps_errors) : FutureState<Result>(loop), GatherBase(*this, keeps_errors) {
    this->set_wait_kind(WaitKind::gather);
  }
  // Cancels the children, and ends when they have (COMB-07).
  bool cancel(std::optional<std::string> message = std::nullopt) override {
    return !this->done() && cancel_children(message);
  }

 private:
  void give_values() override {
    this->finish_with_value(Read::read([this](std::size_t n) -> FutureBase& { return child(n); }, size()));
  }
  void give_error(std::exception_ptr error) override { this->finish_with(std::move(error)); }
};

// Coroutines become tasks whose destruction while pending is not reported: nobody else knows them.
template <class T>
[[nodiscard]] Future<T> ensure_future(Coro<T> coro, std::source_location where = std::source_location::current()) {
  auto task = get_running_loop().create_task(std::move(coro), {}, where);
  task.base().set_quiet();
  return task;
}
template <Operation A>
[[nodiscard]] auto ensure_future(A operation, std::source_location where = std::source_location::current())
    -> Future<typename A::Value> {
  return ensure_future(as_coro(std::move(operation)), where);
}
template <class T>
[[nodiscard]] Future<T> ensure_future(Future<T> future) {
  return future;
}
template <class T>
[[nodiscard]] Future<T> ensure_future(Task<T> task) {
  return task;
}
template <class A>
using FutureOf = decltype(ensure_future(std::declval<A>()));
template <class A>
[[nodiscard]] std::vector<Future<typename FutureOf<A>::Value>> ensure_futures(std::vector<A> children) {
  std::vector<Future<typename FutureOf<A>::Value>> futures;
  futures.reserve(children.size());
  for (auto& child : children) futures.push_back(ensure_future(std::move(child)));
  return futures;
}

template <class T>
struct ReadValues {
  template <class Child>
  static std::vector<Stored<T>> read(Child child, std::size_t size) {
    std::vector<Stored<T>> values;
    values.reserve(size);
    for (std::size_t n = 0; n < size; ++n) values.push_back(gathered_value<T>(child(n)));
    return values;
  }
};
template <class T>
struct ReadOutcomes {
  template <class Child>
  static std::vector<Outcome<T>> read(Child child, std::size_t size) {
    std::vector<Outcome<T>> outcomes;
    outcomes.reserve(size);
    for (std::size_t n = 0; n < size; ++n) outcomes.push_back(gathered_outcome<T>(child(n)));
    return outcomes;
  }
};
template <class... T>
struct ReadTuple {
  template <class Child>
  static std::tuple<Stored<T>...> read(Child child, std::size_t) {
    std::size_t n = 0;
    return std::tuple<Stored<T>...>{gathered_value<T>(child(n++))...};
  }
};

template <class Result, class Read, class T>
Future<Result> gather_all(const std::vector<Future<T>>& children, bool keeps_errors) {
  auto& loop = children.empty() ? get_running_loop() : children.front().loop();
  const Ref<GatherState<Result, Read>> state(new GatherState<Result, Read>(loop, keeps_errors));
  for (const auto& child : children) state->add(*child.state());
  state->begin();
  return Future<Result>(state);
}

// Runs the children at the same time: a future of their results, in the order of the arguments
// (COMB-01 to COMB-08). The first error is its error; the other children go on.
template <class A>
auto gather(std::vector<A> children) -> Future<std::vector<Stored<typename FutureOf<A>::Value>>> {
  using T = typename FutureOf<A>::Value;
  return gather_all<std::vector<Stored<T>>, ReadValues<T>>(ensure_futures(std::move(children)), false);
}
template <class... A>
auto gather(A... children) -> Future<std::tuple<Stored<typename FutureOf<A>::Value>...>> {
  using Result = std::tuple<Stored<typename FutureOf<A>::Value>...>;
  using State = GatherState<Result, ReadTuple<typename FutureOf<A>::Value...>>;
  // Braces: in order.
  const std::tuple<FutureOf<A>...> futures{ensure_future(std::move(children))...};
  auto& loop = std::get<0>(futures).loop();
  const Ref<State> state(new State(loop, false));
  std::apply([&](const auto&... future) { (state->add(*future.state()), ...); }, futures);
  state->begin();
  return Future<Result>(state);
}
// asyncio's return_exceptions=True: how each ended.
template <class A>
auto gather_outcomes(std::vector<A> children) -> Future<std::vector<Outcome<typename FutureOf<A>::Value>>> {
  using T = typename FutureOf<A>::Value;
  return gather_all<std::vector<Outcome<T>>, ReadOutcomes<T>>(ensure_futures(std::move(children)), true);
}

}  // namespace evloop
