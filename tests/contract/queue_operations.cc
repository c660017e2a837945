// Queues.

#include "contract/run.h"

namespace evloop::contract {
namespace {

Coro<std::string> put(Run& run, const Step& step) {
  co_await run.primitives().with_queue(step.text("id"), [&](auto& queue) { return queue.put(step.value("value")); });
  co_return "null";
}

Coro<std::string> get(Run& run, const Step& step) {
  co_return (co_await run.primitives().with_queue(step.text("id"), [](auto& queue) { return queue.get(); })).text();
}

Coro<std::string> join_queue(Run& run, const Step& step) {
  co_await run.primitives().with_queue(step.text("id"), [](auto& queue) { return queue.join(); });
  co_return "null";
}

Result put_nowait(Run& run, const Step& step) {
  run.primitives().with_queue(step.text("id"), [&](auto& queue) { queue.put_nowait(step.value("value")); });
  return {};
}

Result get_nowait(Run& run, const Step& step) {
  return run.primitives().with_queue(step.text("id"), [](auto& queue) { return queue.get_nowait(); }).text();
}

Result task_done(Run& run, const Step& step) {
  run.primitives().with_queue(step.text("id"), [](auto& queue) { queue.task_done(); });
  return {};
}

}  // namespace

std::vector<Operation> queue_operations() {
  return {
      {"queue_put", "id:queue value", put},         {"queue_get", "id:queue", get},
      {"queue_join", "id:queue", join_queue},       {"queue_put_nowait", "id:queue value", put_nowait},
      {"queue_get_nowait", "id:queue", get_nowait}, {"queue_task_done", "id:queue", task_done},
  };
}

}  // namespace evloop::contract
