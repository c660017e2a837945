// Futures and tasks.

#include <algorithm>

#include "aio/event_loop.h"
#include "contract/exceptions.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

Result cancel(Run& run, const Step& step) {
  const auto message = step.has("msg") ? std::optional(step.text("msg")) : std::nullopt;
  return text_of(run.future(step).cancel(message));
}

auto& registrations(Run& run, const Step& step) {
  return run.objects().done_callbacks[{run.future(step).state().get(), step.text("cb")}];
}

Result add_done_callback(Run& run, const Step& step) {
  registrations(run, step).push_back(
      run.future(step).add_done_callback([&run, name = step.text("cb")](const Future<Value>& done) {
        run.call(name, run.objects().label(*done.state()));
      }));
  return {};
}

// asyncio takes back every registration of the function.
Result remove_done_callback(Run& run, const Step& step) {
  std::size_t removed = 0;
  for (const auto& id : std::exchange(registrations(run, step), {}))
    removed += run.future(step).remove_done_callback(id);
  return text_of(removed);
}

Result exception(Run& run, const Step& step) {
  const auto error = run.future(step).exception();
  return error ? Value(error).text() : "null";
}

Result create_task(Run& run, const Step& step) {
  const auto id = step.text("as");
  run.objects().bind(id, run.loop().create_task(run.make_coroutine(step.text("coro"), id)));
  return {};
}

Result describe_current_task(Run& run, const Step&) {
  const auto* task = current_task();
  if (!task) return "none";
  return run.objects().label(task->future()) + " cancelling=" + std::to_string(task->cancelling());
}

Result all_tasks(Run& run, const Step&) {
  std::vector<std::string> labels;
  for (const auto& task : run.loop().all_tasks()) labels.push_back(run.objects().label(*task));
  std::erase(labels, internal_label);
  std::ranges::sort(labels);
  return "[" + join(labels) + "]";
}

TaskBase* task(Run& run, const Step& step) { return run.future(step).state()->as_task(); }

}  // namespace

std::vector<Operation> future_operations() {
  return {
      {"new_future", "as:awaitable",
       [](Run& run, const Step& step) -> Result {
         run.objects().bind(step.text("as"), run.loop().create_future<Value>());
         return {};
       }},
      {"set_result", "id:awaitable value",
       [](Run& run, const Step& step) -> Result {
         run.future(step).set_result(step.value("value"));
         return {};
       }},
      {"set_exception", "id:awaitable exc:settable",
       [](Run& run, const Step& step) -> Result {
         run.future(step).set_exception(make_exception(step.member("exc")));
         return {};
       }},
      {"cancel", "id:awaitable msg:text?", cancel},
      {"add_done_callback", "id:awaitable cb", add_done_callback},
      {"remove_done_callback", "id:awaitable cb", remove_done_callback},
      {"result", "id:awaitable", [](Run& run, const Step& step) -> Result { return run.future(step).result().text(); }},
      {"exception", "id:awaitable", exception},
      {"state", "id:awaitable", [](Run& run, const Step& step) -> Result { return run.state_text(run.future(step)); }},
      {"create_task", "coro as:awaitable", create_task},
      {"current_task", "", describe_current_task},
      {"all_tasks", "", all_tasks},
      {"uncancel", "id:awaitable",
       [](Run& run, const Step& step) -> Result {
         auto* one = task(run, step);
         return one ? std::to_string(one->uncancel()) : "none";
       }},
      {"cancelling", "id:awaitable",
       [](Run& run, const Step& step) -> Result {
         const auto* one = task(run, step);
         return one ? std::to_string(one->cancelling()) : "none";
       }},
  };
}

}  // namespace evloop::contract
