// Asynchronous generators.

#include "aio/async_generator.h"
#include "contract/exceptions.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

AsyncGenerator<Value, Value> generator(Run& run, const Step& step) {
  return run.objects().generators.at(step.text("id"));
}

std::string item_text(const std::optional<Value>& item) { return item ? item->text() : "end"; }

// asyncio's athrow() into a generator that is finished answers None; ours has nothing to answer.
Coro<std::string> throw_into(Run& run, const Step& step) {
  const auto target = generator(run, step);
  const bool was_finished = target.base().finished();
  const auto item = co_await target.athrow(make_exception(step.member("exc")));
  co_return was_finished ? "null" : item_text(item);
}

}  // namespace

std::vector<Operation> generator_operations() {
  return {
      {"agen_new", "gen as:agen",
       [](Run& run, const Step& step) -> Result {
         const auto id = step.text("as");
         run.objects().bind(id, run.make_generator(step.text("gen"), id));
         return {};
       }},
      {"anext", "id:agen",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_return item_text(co_await generator(run, step).anext());
       }},
      {"asend", "id:agen value",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_return item_text(co_await generator(run, step).asend(step.value("value")));
       }},
      {"athrow", "id:agen exc", throw_into},
      {"aclose", "id:agen",
       [](Run& run, const Step& step) -> Coro<std::string> {
         co_await generator(run, step).aclose();
         co_return "null";
       }},
  };
}

}  // namespace evloop::contract
