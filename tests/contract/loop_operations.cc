// Callbacks, timers, running, stopping and closing, exception handlers.

#include "aio/event_loop.h"
#include "contract/exceptions.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

// The callback of a step, with its argument.
auto callback(Run& run, const Step& step) {
  auto argument = step.has("arg") ? std::optional(step.value("arg").text()) : std::nullopt;
  return [&run, name = step.text("cb"), argument = std::move(argument)] { run.call(name, argument); };
}

Result keep_handle(Run& run, const Step& step, AnyHandle handle) {
  if (step.has("as")) run.objects().handles.insert_or_assign(step.text("as"), std::move(handle));
  return {};
}

AnyHandle& handle(Run& run, const Step& step) { return run.objects().handles.at(step.text("id")); }

Result handle_when(Run& run, const Step& step) {
  const auto* timer = std::get_if<TimerHandle>(&handle(run, step));
  return timer ? seconds_text(timer->when()) : "none";
}

Result run_until_complete(Run& run, const Step& step) {
  return std::visit([&](auto&& target) { return run.loop().run_until_complete(std::move(target)).text(); },
                    run.target(step.text("on")));
}

Result run_other_loop(Run&, const Step&) {
  EventLoop other;
  struct CloseAtExit {
    EventLoop& loop;
    ~CloseAtExit() { loop.close(); }
  };
  const CloseAtExit closing{other};
  other.stop();
  other.run_forever();
  return {};
}

Result set_exception_handler(Run& run, const Step& step) {
  if (step.member("handler").is_null()) {
    run.loop().set_exception_handler({});
  } else {
    run.loop().set_exception_handler(
        [&run, name = step.text("handler")](EventLoop&, const ErrorContext& context) { run.handle(name, context); });
  }
  return {};
}

Result call_exception_handler(Run& run, const Step& step) {
  ErrorContext context{.message = step.text("message")};
  if (step.has("exc")) context.exception = make_exception(step.member("exc"));
  run.loop().call_exception_handler(context);
  return {};
}

}  // namespace

std::vector<Operation> loop_operations() {
  return {
      {"call_soon", "cb arg:value? as:handle?",
       [](Run& run, const Step& step) -> Result {
         return keep_handle(run, step, run.loop().call_soon(callback(run, step)));
       }},
      {"call_soon_threadsafe", "cb arg:value? as:handle?",
       [](Run& run, const Step& step) -> Result {
         return keep_handle(run, step, run.loop().call_soon_threadsafe(callback(run, step)));
       }},
      {"call_later", "s:seconds cb arg:value? as:handle?",
       [](Run& run, const Step& step) -> Result {
         return keep_handle(run, step, run.loop().call_later(*step.seconds("s"), callback(run, step)));
       }},
      {"call_at", "when:seconds cb arg:value? as:handle?",
       [](Run& run, const Step& step) -> Result {
         return keep_handle(run, step, run.loop().call_at(TimePoint(*step.seconds("when")), callback(run, step)));
       }},
      {"handle_cancel", "id:handle",
       [](Run& run, const Step& step) -> Result {
         std::visit([](auto& one) { one.cancel(); }, handle(run, step));
         return {};
       }},
      {"handle_cancelled", "id:handle",
       [](Run& run, const Step& step) -> Result {
         return text_of(std::visit([](const auto& one) { return one.cancelled(); }, handle(run, step)));
       }},
      {"handle_when", "id:handle", handle_when},
      {"stop", "",
       [](Run& run, const Step&) -> Result {
         run.loop().stop();
         return {};
       }},
      {"close", "",
       [](Run& run, const Step&) -> Result {
         run.loop().close();
         return {};
       }},
      {"run_forever", "",
       [](Run& run, const Step&) -> Result {
         run.loop().run_forever();
         return {};
       },
       true},
      {"run_until_complete", "on:target", run_until_complete, true},
      {"run_other_loop", "", run_other_loop},
      {"running_loop", "",
       [](Run& run, const Step&) -> Result { return &get_running_loop() == &run.loop() ? "this" : "other"; }},
      {"set_exception_handler", "handler:handler_or_null", set_exception_handler},
      {"call_exception_handler", "message:text exc?", call_exception_handler},
      {"var_add", "var n:integer",
       [](Run& run, const Step& step) -> Result {
         return std::to_string(run.objects().variables[step.text("var")] += step.number("n"));
       }},
  };
}

}  // namespace evloop::contract
