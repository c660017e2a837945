// What must not compile, and what the compiler must say. misuse_test compiles this file and wants, for each line with
// an "error:" comment, an error with that text that leads to the line, and no error that leads to none of them.
#include <chrono>
#include <coroutine>
#include <functional>
#include <string>
#include <string_view>

#include "aio/event_loop.h"
#include "aio/runner.h"
#include "aio/sleep.h"
#include "aio/task_group.h"
#include "net/transport.h"

namespace evloop {
namespace {

using namespace std::chrono_literals;

Coro<void> work() { co_return; }
Coro<void> by_value(std::string) { co_return; }
Coro<void> by_reference(const std::string&) { co_return; }
Coro<void> by_view(std::string_view) { co_return; }

[[maybe_unused]] void is_right(EventLoop& loop, TaskGroup& group, std::string text) {
  loop.call_soon([] {});
  static_cast<void>(loop.create_task(work()));
  static_cast<void>(loop.create_task(work));
  static_cast<void>(loop.create_task([text]() -> Coro<void> { co_await by_view(text); }));
  static_cast<void>(loop.create_task(by_value, "text"));
  static_cast<void>(group.create_task(by_reference, std::ref(text)));
}

[[maybe_unused]] void no_coroutine_runs_as_a_callback(EventLoop& loop, const Future<int>& future) {
  loop.call_soon(work);                                     // error: coroutines cannot be used as callbacks
  loop.call_later(1s, []() -> Coro<void> { co_return; });   // error: coroutines cannot be used as callbacks
  loop.call_soon_threadsafe([] { return work(); });         // error: coroutines cannot be used as callbacks
  loop.add_reader(0, [] { return sleep(1s); });             // error: coroutines cannot be used as callbacks
  future.add_done_callback([](auto) { return work(); });    // error: coroutines cannot be used as callbacks
  static_cast<void>(loop.run_in_executor(nullptr, &work));  // error: coroutines cannot be used with run_in_executor()
}

[[maybe_unused]] void a_callback_is_callable(EventLoop& loop) {
  loop.call_soon(3);                                    // error: a callable object was expected
  loop.call_soon([](int) {});                           // error: a callable object was expected
  loop.call_later(nullptr, [] {});                      // error: no matching member function
  loop.call_at(nullptr, [] {});                         // error: no matching member function
  loop.add_reader("file", [] {});                       // error: no matching member function
  loop.set_exception_handler(3);                        // error: no viable conversion
  loop.set_default_executor(std::make_shared<int>(3));  // error: no viable conversion
}

[[maybe_unused]] void a_task_needs_a_coroutine(EventLoop& loop, Coro<void> coro) {
  static_cast<void>(loop.create_task(3));                 // error: a coroutine was expected
  static_cast<void>(loop.create_task([] { return 3; }));  // error: this function does not return a Coro
  static_cast<void>(loop.create_task(coro));              // error: call to implicitly-deleted copy constructor
  static_cast<void>(run(3));                              // error: no matching function
  work();                                                 // error: a coroutine does nothing until it is awaited
  loop.create_task(work());                               // error: ignoring return value
}

[[maybe_unused]] void a_task_keeps_what_it_uses(EventLoop& loop, TaskGroup& group, const std::string& text) {
  static_cast<void>(loop.create_task(by_reference, text));     // error: must take its parameters by value
  static_cast<void>(loop.create_task(by_view, text));          // error: must take its parameters by value
  static_cast<void>(group.create_task(by_reference, "text"));  // error: must take its parameters by value
  const auto generic = [](auto) -> Coro<void> { co_return; };
  static_cast<void>(loop.create_task(generic, std::string_view(text)));  // error: must take its parameters by value
}

[[maybe_unused]] Coro<void> only_what_knows_of_tasks_is_awaited(Coro<void> coro) {
  co_await std::suspend_never();  // error: co_await here takes a Coro (moved)
  co_await coro;                  // error: co_await here takes a Coro (moved)
}

[[maybe_unused]] void bytes_are_written(Transport& transport) {
  transport.write(3);  // error: no matching member function
}

}  // namespace
}  // namespace evloop
