#include "aio/context.h"

#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "aio/async_generator.h"
#include "aio/context_var.h"
#include "aio/sleep.h"
#include "aio/task_group.h"
#include "aio/to_thread.h"
#include "loop_test.h"

namespace evloop {
namespace {

const ContextVar<std::string> name("name");
const ContextVar<int> number("number", 7);

// Each test begins, and ends, without a context.
class ContextTest : public LoopTest {
 public:
  void TearDown() override {
    LoopTest::TearDown();
    CurrentContext::exchange(nullptr);
  }
  std::string value() { return name.get("unset"); }
  auto noting(std::string what = {}) {
    return [this, what] { note(what + value()); };
  }
};

TEST_F(ContextTest, AVariableHasTheValueLastSetElseItsDefault) {
  EXPECT_EQ(number.get(), 7);
  EXPECT_EQ(number.get(8), 8);
  number.set(1);
  number.set(2);
  EXPECT_EQ(number.get(), 2);
  EXPECT_EQ(number.get(8), 2);
}

TEST_F(ContextTest, AVariableWithoutAValueOrDefaultThrowsItsOwnDescription) {
  const auto text = error_of<LookupError>([] { static_cast<void>(name.get()); });
  EXPECT_TRUE(text.starts_with("<ContextVar name='name' at 0x")) << text;
}

TEST_F(ContextTest, ATokenBringsBackTheValueBeforeOnce) {
  auto first = name.set("a");
  auto second = name.set("b");
  name.reset(second);
  EXPECT_EQ(name.get(), "a");
  name.reset(first);
  EXPECT_EQ(value(), "unset");
  const auto text = error_of<LoopError>([&] { name.reset(first); });
  EXPECT_TRUE(text.starts_with("<Token used var=<ContextVar name='name' at 0x")) << text;
  EXPECT_TRUE(text.ends_with("> has already been used once")) << text;
}

TEST_F(ContextTest, ATokenOfAnotherVariableOrContextIsRefused) {
  auto token = name.set("a");
  const ContextVar<std::string> other("other");
  EXPECT_TRUE(error_of<ValueError>([&] { other.reset(token); }).ends_with("> was created by a different ContextVar"));
  copy_context().run([&] {
    EXPECT_TRUE(error_of<ValueError>([&] { name.reset(token); }).ends_with("> was created in a different Context"));
  });
  name.reset(token);
  EXPECT_EQ(value(), "unset");
}

TEST_F(ContextTest, AVariableMadeWhereAnOtherWasHasNoValueYet) {
  std::optional<ContextVar<int>> variable;
  variable.emplace("first");
  variable->set(1);
  variable.emplace("second");
  EXPECT_EQ(variable->get(0), 0);
}

TEST_F(ContextTest, WhatRunsInAContextSetsItThereOnly) {
  name.set("outer");
  const auto context = copy_context();
  EXPECT_EQ(context.run([] {
    name.set("inner");
    return name.get();
  }),
            "inner");
  EXPECT_EQ(name.get(), "outer");
  EXPECT_EQ(context.run([] { return name.get(); }), "inner");
  EXPECT_EQ(context.copy().run([] { return name.get(); }), "inner");
  EXPECT_EQ(Context::empty().run([this] { return value(); }), "unset");
}

TEST_F(ContextTest, AnExceptionLeavesTheContext) {
  name.set("outer");
  const auto context = copy_context();
  EXPECT_THROW(context.run([] {
    name.set("inner");
    throw ValueError("out");
  }),
               ValueError);
  EXPECT_EQ(name.get(), "outer");
}

TEST_F(ContextTest, EachThreadHasAContextOfItsOwn) {
  name.set("here");
  std::thread([this] {
    EXPECT_EQ(value(), "unset");
    name.set("there");
  }).join();
  EXPECT_EQ(name.get(), "here");
}

// --- callbacks ---

TEST_F(ContextTest, ACallbackSeesWhatWasSetWhenItWasScheduled) {  // SCHED-15
  name.set("then");
  loop().call_soon(noting("soon "));
  loop().call_later(1s, noting("later "));
  loop().call_at(loop().time() + 2s, noting("at "));
  name.set("now");
  loop().call_later(3s, [this] { loop().stop(); });
  loop().run_forever();
  EXPECT_THAT(noted(), ElementsAre("soon then", "later then", "at then"));
}

TEST_F(ContextTest, ACallbackScheduledWithoutAContextSeesNoneThatCameLater) {  // SCHED-15
  loop().call_soon(noting());
  name.set("later");
  turn();
  EXPECT_THAT(noted(), ElementsAre("unset"));
  EXPECT_EQ(name.get(), "later");
}

TEST_F(ContextTest, WhatACallbackSetsIsItsOwn) {  // SCHED-15
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2; ++i)
      loop().call_soon([this] {
        note(value());
        name.set("callback");
        loop().call_soon(noting("scheduled there "));
      });
    turn(2);
    EXPECT_EQ(value(), round == 0 ? "unset" : "outer");
    name.set("outer");
  }
  EXPECT_THAT(noted(), ElementsAre("unset", "unset", "scheduled there callback", "scheduled there callback", "outer",
                                   "outer", "scheduled there callback", "scheduled there callback"));
}

TEST_F(ContextTest, CallbacksGivenOneContextSeeEachOthersChanges) {  // SCHED-15
  const auto context = Context::empty();
  loop().call_soon(in_context(context, [] { name.set("first"); }));
  loop().call_soon(in_context(context, noting()));
  loop().call_later(1s, in_context(context, [this] {
                      note(value());
                      loop().stop();
                    }));
  loop().run_forever();
  EXPECT_THAT(noted(), ElementsAre("first", "first"));
  EXPECT_EQ(context.run([this] { return value(); }), "first");
}

TEST_F(ContextTest, NoContextMayBeGivenToo) {  // SCHED-15
  name.set("outer");
  loop().call_soon(in_context(Context(), noting()));
  turn();
  EXPECT_THAT(noted(), ElementsAre("unset"));
}

TEST_F(ContextTest, AReaderKeepsOneContextForAllItsCalls) {  // SCHED-15
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd read(ends[0]);
  const UniqueFd write(ends[1]);
  EventLoop real;
  number.set(1);
  std::vector<int> seen;
  real.add_reader(read.get(), [&] {
    seen.push_back(number.get());
    number.set(number.get() + 1);
    if (seen.size() == 3) real.stop();
  });
  number.set(100);
  ASSERT_EQ(::write(write.get(), "x", 1), 1);
  real.run_forever();
  real.close();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
  EXPECT_EQ(number.get(), 100);
}

TEST_F(ContextTest, APostCarriesTheContextOfItsThread) {  // SCHED-15
  std::thread([this] {
    name.set("thread");
    loop().call_soon_threadsafe(noting());
    name.set("thread, later");
  }).join();
  name.set("loop");
  turn();
  EXPECT_THAT(noted(), ElementsAre("thread"));
}

TEST_F(ContextTest, ADoneCallbackRunsInTheContextOfItsRegistration) {  // FUT-07
  const auto future = loop().create_future<int>();
  name.set("registered");
  future.add_done_callback([this](const Future<int>& done) { note(value() + " " + std::to_string(done.result())); });
  const auto context = Context::empty();
  future.add_done_callback(in_context(context, [this](const Future<int>&) {
    note(value());
    name.set("given");
  }));
  name.set("completed");
  future.set_result(1);
  turn();
  EXPECT_THAT(noted(), ElementsAre("registered 1", "unset"));
  EXPECT_EQ(context.run([this] { return value(); }), "given");
}

// --- tasks ---

TEST_F(ContextTest, ATaskRunsInACopyOfItsCreatorsContext) {  // TASK-13
  name.set("creator");
  const auto body = [&]() -> Coro<void> {
    note(value());
    name.set("task");
    co_await yield();
    note(value());
    loop().call_soon(noting("callback "));
    const auto nested = []() -> Coro<void> {
      name.set("coroutine");
      co_await yield();
    };
    co_await nested();
    note(value());
  };
  const auto task = start(body());
  name.set("later");
  loop().run_until_complete(task);
  EXPECT_THAT(noted(), ElementsAre("creator", "task", "callback task", "coroutine"));
  EXPECT_EQ(name.get(), "later");
}

TEST_F(ContextTest, WhatATaskSetsStaysWithItFromStepToStep) {  // TASK-13
  const auto body = [&](std::string mine) -> Coro<void> {
    for (int i = 0; i < 2; ++i) {
      note(mine + " sees " + value());
      name.set(mine);
      co_await yield();
    }
  };
  auto a = start(body("a"));
  auto b = start(body("b"));
  turn(3);
  EXPECT_TRUE(a.done() && b.done());
  EXPECT_THAT(noted(), ElementsAre("a sees unset", "b sees unset", "a sees a", "b sees b"));
  EXPECT_EQ(value(), "unset");
}

TEST_F(ContextTest, ATaskMayBeGivenAContext) {  // TASK-13
  const auto context = Context::empty();
  const auto body = [&]() -> Coro<void> {
    note(value());
    name.set("task");
    co_return;
  };
  name.set("creator");
  auto task = start(body(), {.context = context});
  loop().run_until_complete(task);
  EXPECT_EQ(context.run([this] { return value(); }), "task");
  EXPECT_EQ(*task.base().context(), context);
  const auto group = [&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& members) -> Coro<void> {
      static_cast<void>(members.create_task(body(), {.context = context}));
      static_cast<void>(members.create_task(body()));
      co_return;
    });
  };
  run(group());
  EXPECT_THAT(noted(), ElementsAre("unset", "task", "creator"));
}

TEST_F(ContextTest, AnEagerTaskHasItsContextInItsFirstStepAlready) {  // TASK-39
  const auto eager = [&](std::string mine) -> Coro<void> {
    note(value());
    name.set(mine);
    co_await yield();
    note(value());
  };
  const auto creator = [&]() -> Coro<void> {
    auto first = start(eager("first"), {.eager_start = true});
    note("creator " + value());
    name.set("creator");
    auto second = start(eager("second"), {.eager_start = true});
    note("creator " + value());
    co_await first;
    co_await second;
  };
  run(creator());
  EXPECT_THAT(noted(), ElementsAre("unset", "creator unset", "creator", "creator creator", "first", "second"));
}

TEST_F(ContextTest, AGeneratorRunsInTheContextOfWhoIterates) {
  const auto items = [this]() -> AsyncGenerator<std::string> {
    for (;;) co_yield value();
  };
  const auto body = [](AsyncGenerator<std::string> generator, std::string mine, std::string& seen) -> Coro<void> {
    name.set(mine);
    seen = *co_await generator.anext();
  };
  auto generator = items();
  std::string first;
  std::string second;
  run(body(generator, "first", first));
  run(body(generator, "second", second));
  EXPECT_EQ(first + " " + second, "first second");
  run(generator.aclose());
}

TEST_F(ContextTest, ARunOfALoopBringsNoContextAndLeavesOursAlone) {
  name.set("outside");
  loop().call_soon(in_context(Context(), [] { name.set("inside"); }));
  turn();
  EXPECT_EQ(name.get(), "outside");
}

// --- errors ---

TEST_F(ContextTest, TheExceptionHandlerRunsInTheContextOfWhatFailed) {  // EXCH-07
  loop().set_exception_handler([this](EventLoop&, const ErrorContext& told) {
    note((told.handle ? "handle " : told.task ? "task " : "future ") + value());
  });
  const auto fails = [](std::string mine) {
    return [mine] {
      name.set(mine);
      throw ValueError("fails");
    };
  };
  loop().call_soon(fails("without"));
  name.set("creator");
  loop().call_soon(fails("soon"));
  loop().call_later(Duration::zero(), fails("timer"));
  const auto future = loop().create_future();
  future.add_done_callback([](const Future<void>&) {
    name.set("done");
    throw ValueError("fails");
  });
  future.set_result();
  loop().call_soon_threadsafe(fails("posted"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("handle without", "handle soon", "handle done", "handle posted", "handle timer"));
}

TEST_F(ContextTest, AFailureNobodyReadIsToldInTheContextOfItsTask) {  // EXCH-07
  loop().set_exception_handler([this](EventLoop&, const ErrorContext& told) {
    note(told.message + " " + value());
    name.set("handler");
  });
  const auto body = []() -> Coro<void> {
    name.set("task");
    throw ValueError("fails");
    co_return;
  };
  static_cast<void>(start(body()));
  turn();
  auto task = start(body());
  turn();
  loop().call_exception_handler({.message = "both", .future = loop().create_future().state(), .task = task.state()});
  EXPECT_THAT(noted(), ElementsAre("Task exception was never retrieved task", "both task"));
  EXPECT_EQ(value(), "unset");
  static_cast<void>(task.exception());
}

TEST_F(ContextTest, WhoSetsNothingCarriesNothing) {
  static_assert(sizeof(TaskBase) <= 17 * sizeof(void*));
  static_assert(sizeof(ScheduledCall) <= 3 * sizeof(void*));
  const auto task = start([]() -> Coro<void> { co_return; }());
  EXPECT_EQ(task.base().context(), nullptr);
  turn();
  EXPECT_EQ(task.base().context(), nullptr);
}

}  // namespace
}  // namespace evloop
