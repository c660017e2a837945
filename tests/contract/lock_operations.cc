// Locks, events, conditions, semaphores, barriers.

#include "contract/run.h"

namespace evloop::contract {
namespace {

Event& event(Run& run, const Step& step) { return run.primitives().event(step.text("id")); }
Condition& condition(Run& run, const Step& step) { return run.primitives().condition(step.text("id")); }
Barrier& barrier(Run& run, const Step& step) { return run.primitives().barrier(step.text("id")); }

Coro<std::string> acquire(Run& run, const Step& step) {
  co_await run.primitives().with_lockable(step.text("id"), [](auto& lockable) { return lockable.acquire(); });
  co_return "true";
}

Coro<std::string> wait_for_variable(Run& run, const Step& step) {
  auto& counter = run.objects().variables[step.text("var")];
  const auto reached = [&counter, least = step.number("min")] { return counter >= least; };
  co_return text_of(co_await condition(run, step).wait_for(reached));
}

}  // namespace

std::vector<Operation> lock_operations() {
  return {
      {"acquire", "id:lockable", acquire},
      {"release", "id:lockable",
       [](Run& run, const Step& step) -> Result {
         run.primitives().with_lockable(step.text("id"), [](auto& lockable) { lockable.release(); });
         return {};
       }},
      {"locked", "id:lockable",
       [](Run& run, const Step& step) -> Result {
         return text_of(
             run.primitives().with_lockable(step.text("id"), [](auto& lockable) { return lockable.locked(); }));
       }},
      {"event_wait", "id:event",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await event(run, step).wait();
         co_return "true";
       }},
      {"event_set", "id:event",
       [](Run& run, const Step& step) -> Result {
         event(run, step).set();
         return {};
       }},
      {"event_clear", "id:event",
       [](Run& run, const Step& step) -> Result {
         event(run, step).clear();
         return {};
       }},
      {"event_is_set", "id:event",
       [](Run& run, const Step& step) -> Result { return text_of(event(run, step).is_set()); }},
      {"cond_wait", "id:condition",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await condition(run, step).wait();
         co_return "true";
       }},
      {"cond_wait_for", "id:condition var min:integer", wait_for_variable},
      {"cond_notify", "id:condition n:count?",
       [](Run& run, const Step& step) -> Result {
         condition(run, step).notify(step.has("n") ? static_cast<std::size_t>(step.number("n")) : 1);
         return {};
       }},
      {"cond_notify_all", "id:condition",
       [](Run& run, const Step& step) -> Result {
         condition(run, step).notify_all();
         return {};
       }},
      {"barrier_wait", "id:barrier",
       [](Run& run, const Step& step) -> Coro<std::string> { co_return text_of(co_await barrier(run, step).wait()); }},
      {"barrier_reset", "id:barrier",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await barrier(run, step).reset();
         co_return "null";
       }},
      {"barrier_abort", "id:barrier",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await barrier(run, step).abort();
         co_return "null";
       }},
  };
}

}  // namespace evloop::contract
