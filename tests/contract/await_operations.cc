// Awaiting: one thing, several, for a limited time, shielded.

#include <algorithm>

#include "aio/gather.h"
#include "aio/shield.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "aio/wait.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

Coro<std::string> await_target(Run& run, const Step& step) {
  auto target = run.target(step.text("on"));
  if (auto* coroutine = std::get_if<Coro<Value>>(&target)) co_return (co_await std::move(*coroutine)).text();
  co_return (co_await std::get<Future<Value>>(target)).text();
}

// The results of a gather as one value of a program, so that its future can be bound as any other.
struct AsList {
  template <class Child>
  static Value read(Child child, std::size_t size) {
    Value::List list;
    for (std::size_t n = 0; n < size; ++n) {
      auto outcome = gathered_outcome<Value>(child(n));
      list.push_back(outcome ? std::move(outcome.value()) : Value(outcome.error()));
    }
    return Value(std::move(list));
  }
};

Future<Value> start_gather(Run& run, const Step& step) {
  return gather_all<Value, AsList>(run.futures(step.texts("of")), step.flag("return_exceptions"));
}

Result gather_future(Run& run, const Step& step) {
  run.objects().bind(step.text("as"), start_gather(run, step));
  return {};
}

ReturnWhen return_when(const Step& step) {
  if (!step.has("return_when")) return ReturnWhen::all_completed;
  const auto name = step.text("return_when");
  if (name == "FIRST_COMPLETED") return ReturnWhen::first_completed;
  return name == "FIRST_EXCEPTION" ? ReturnWhen::first_exception : ReturnWhen::all_completed;
}

Coro<std::string> wait_for_some(Run& run, const Step& step) {
  // Each id once, in the order of the step.
  std::vector<std::string> ids;
  std::vector<FutureRef> futures;
  for (const auto& id : step.texts("of")) {
    const auto& bound = run.objects().futures;
    const auto found = bound.find(id);
    if (found == bound.end() || std::ranges::count(ids, id) > 0) continue;
    ids.push_back(id);
    futures.emplace_back(found->second.state().get());
  }
  const auto ended = co_await wait(futures, step.seconds("timeout"), return_when(step));
  const auto names = [&](const std::vector<FutureRef>& group) {
    std::vector<std::string> members;
    for (std::size_t n = 0; n < ids.size(); ++n)
      if (std::ranges::count(group, futures[n]) > 0) members.push_back(ids[n]);
    return "[" + join(members) + "]";
  };
  co_return "done=" + names(ended.done) + " pending=" + names(ended.pending);
}

Coro<std::string> wait_for_target(Run& run, const Step& step) {
  const auto timeout = step.seconds("timeout");
  auto waiting =
      std::visit([&](auto&& target) { return wait_for(std::move(target), timeout); }, run.target(step.text("on")));
  co_return (co_await std::move(waiting)).text();
}

Coro<std::string> shield_target(Run& run, const Step& step) {
  const auto outer =
      std::visit([](auto&& target) { return Future<Value>(shield(std::move(target))); }, run.target(step.text("on")));
  co_return (co_await outer).text();
}

Result shield_future(Run& run, const Step& step) {
  run.objects().bind(step.text("as"), shield(run.future(step)));
  return {};
}

}  // namespace

std::vector<Operation> await_operations() {
  return {
      {"await", "on:target", await_target},
      {"sleep", "s:seconds value?",
       [](Run&, const Step& step) -> Coro<std::string> {
         co_return (co_await sleep(*step.seconds("s"), step.value("value"))).text();
       }},
      {"gather", "of:targets return_exceptions:bool?",
       [](Run& run, const Step& step) -> Coro<std::string> { co_return (co_await start_gather(run, step)).text(); }},
      {"gather_future", "of:awaitables as:awaitable return_exceptions:bool?", gather_future},
      {"wait", "of:awaitables timeout:seconds? return_when?", wait_for_some},
      {"wait_for", "on:target timeout:seconds_or_null", wait_for_target},
      {"shield", "on:target", shield_target},
      {"shield_future", "id:awaitable as:awaitable", shield_future},
  };
}

}  // namespace evloop::contract
