#include "aio/call_graph.h"

#include <array>
#include <functional>
#include <memory>

#include "aio/as_completed.h"
#include "aio/async_generator.h"
#include "aio/gather.h"
#include "aio/shield.h"
#include "aio/sleep.h"
#include "aio/task_group.h"
#include "aio/timeout.h"
#include "aio/wait.h"
#include "loop_test.h"

namespace evloop {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class CallGraphTest : public LoopTest {
 public:
  // The names of functions in `where`, innermost first.
  static std::vector<std::string> names(const std::vector<std::source_location>& where) {
    std::vector<std::string> names;
    for (const auto& place : where) {
      const std::string all = place.function_name();
      const auto end = all.rfind("()");
      names.push_back(all.substr(all.rfind(':', end) + 1, end - all.rfind(':', end) - 1));
    }
    return names;
  }
  std::vector<std::string> waiting_for(const FutureRef& future) {
    std::vector<std::string> names;
    for (const auto& graph : capture_call_graph(future).awaited_by) names.push_back(graph.future->as_task()->name());
    return names;
  }

  // Three deep: outer() awaits middle() awaits inner(), which does what `at_the_end` says.
  Coro<void> inner() { co_await at_the_end(); }
  Coro<void> middle() { co_await inner(); }
  Coro<void> outer() { co_await middle(); }
  std::function<Coro<void>()> at_the_end = [] { return sleep(1h); };
  // The same, looking at itself instead.
  Coro<void> looking() {
    seen = capture_call_graph(options);
    co_return;
  }
  Coro<void> above() { co_await looking(); }
  CallGraphOptions options;
  std::optional<FutureCallGraph> seen;
};

TEST_F(CallGraphTest, ShowsATasksCoroutinesInnermostFirstEachAtItsAwait) {  // INTRO-02
  at_the_end = []() -> Coro<void> { co_await sleep(1h); };
  auto task = start(outer(), {.name = "deep"});
  const auto before = capture_call_graph(task.state());
  EXPECT_THAT(names(before.call_stack), ElementsAre("outer"));  // not begun: where it is defined
  turn();
  const auto graph = capture_call_graph(task.state());
  EXPECT_EQ(graph.future, FutureRef(task.state()));
  const auto stack = names(graph.call_stack);
  ASSERT_GE(stack.size(), 4u);
  EXPECT_THAT(std::vector(stack.end() - 3, stack.end()), ElementsAre("inner", "middle", "outer"));
  EXPECT_THAT(graph.awaited_by, IsEmpty());
  task.cancel();
  turn(2);
}

TEST_F(CallGraphTest, IsOfTheCurrentTaskUnlessAFutureIsGiven) {  // INTRO-02
  run(above());
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->future->as_task());
  EXPECT_THAT(names(seen->call_stack), ElementsAre("looking", "above"));
  const auto body = [&]() -> Coro<void> {
    const auto itself = FutureRef(&current_task()->future());
    EXPECT_EQ(capture_call_graph(itself).call_stack.size(), 1u);
    co_return;
  };
  run(body());
}

TEST_F(CallGraphTest, ThereIsNoneInsideAPlainCallback) {  // INTRO-02
  loop().call_soon([&] {
    EXPECT_FALSE(capture_call_graph());
    EXPECT_EQ(format_call_graph(), "");
    note("called");
  });
  turn();
  EXPECT_THAT(noted(), ElementsAre("called"));
}

TEST_F(CallGraphTest, OutsideALoopAFutureMustBeGiven) {  // INTRO-02
  EXPECT_EQ(
      error_of<LoopError>([] { static_cast<void>(capture_call_graph()); }),
      "capture_call_graph() is called outside of a running event loop and no *future* to introspect was provided");
  EXPECT_THAT(error_of<TypeError>([] { static_cast<void>(capture_call_graph(FutureRef())); }),
              HasSubstr("object does not appear to be compatible with asyncio.Future"));
}

TEST_F(CallGraphTest, AFutureAndATaskThatHasEndedHaveNoCoroutines) {  // INTRO-02
  const auto future = loop().create_future<void>();
  const auto waits = [](Future<void> awaited) -> Coro<void> { co_await awaited; };
  auto task = start(waits(future), {.name = "waiter"});
  turn();
  const auto graph = capture_call_graph(future.state());
  EXPECT_THAT(graph.call_stack, IsEmpty());
  ASSERT_EQ(graph.awaited_by.size(), 1u);
  EXPECT_EQ(graph.awaited_by[0].future, FutureRef(task.state()));
  EXPECT_EQ(graph.awaited_by[0].call_stack.size(), 1u);
  future.set_result();
  turn();
  EXPECT_TRUE(task.done());
  EXPECT_THAT(capture_call_graph(task.state()).call_stack, IsEmpty());
  EXPECT_THAT(capture_call_graph(future.state()).awaited_by, IsEmpty());
}

TEST_F(CallGraphTest, KnowsWhoAwaitsByWhateverWay) {  // INTRO-01, INTRO-02
  std::vector<Task<void>> children;
  for (int i = 0; i < 7; ++i) children.push_back(start(sleep(1h)));
  std::vector<Task<void>> waiters;
  const auto waiter = [&](std::string name, Coro<void> coro) {
    waiters.push_back(start(std::move(coro), {.name = std::move(name)}));
  };
  const auto directly = [](Task<void> child) -> Coro<void> { co_await child; };
  waiter("await", directly(children[0]));
  const auto by_gather = [](Task<void> child) -> Coro<void> { co_await gather(child, sleep(1h)); };
  waiter("gather", by_gather(children[1]));
  const auto by_wait = [](Task<void> child) -> Coro<void> { co_await wait(futures_of(std::vector{child})); };
  waiter("wait", by_wait(children[2]));
  const auto by_wait_for = [](Task<void> child) -> Coro<void> { co_await wait_for(child, 1h); };
  waiter("wait_for", by_wait_for(children[3]));
  const auto by_as_completed = [](Task<void> child) -> Coro<void> {
    auto arrivals = as_completed(std::vector{child});
    static_cast<void>(co_await arrivals.anext());
  };
  waiter("as_completed", by_as_completed(children[4]));
  const auto by_shield = [](Task<void> child) -> Coro<void> { co_await shield(child); };
  waiter("shield", by_shield(children[5]));
  waiter("another", directly(children[5]));
  const auto by_group = [&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      children[6] = group.create_task(sleep(1h));
      co_return;
    });
  };
  children[6].cancel();
  waiter("task_group", by_group());
  turn(3);
  std::vector<std::string> awaiters;
  for (const auto& child : children)
    for (auto& name : waiting_for(child.state())) awaiters.push_back(name);
  EXPECT_THAT(awaiters,
              ElementsAre("await", "gather", "wait", "wait_for", "as_completed", "shield", "another", "task_group"));
  for (const auto& task : waiters) task.cancel();
  turn(4);
  for (const auto& child : children) EXPECT_THAT(waiting_for(child.state()), IsEmpty());
  for (const auto& child : children) child.cancel();
  turn(2);
  for (const auto& task : waiters) static_cast<void>(task.cancelled() || task.exception());
}

TEST_F(CallGraphTest, ALimitKeepsTheOutermostTheInnermostOrNone) {  // INTRO-03
  const auto limited = [&](std::optional<int> limit) {
    options = {.limit = limit};
    run(above());
    return names(seen->call_stack);
  };
  EXPECT_THAT(limited(1), ElementsAre("above"));
  EXPECT_THAT(limited(-1), ElementsAre("looking"));
  EXPECT_THAT(limited(5), ElementsAre("looking", "above"));
  EXPECT_THAT(limited(-5), ElementsAre("looking", "above"));
  EXPECT_THAT(limited(0), IsEmpty());
  const auto child = start(sleep(1h));
  const auto waits = [](Task<void> awaited) -> Coro<void> { co_await awaited; };
  auto waiter = start(waits(child));
  turn();
  const auto graph = capture_call_graph(child.state(), {.limit = 0});
  EXPECT_THAT(graph.call_stack, IsEmpty());
  EXPECT_EQ(graph.awaited_by.size(), 1u);
  EXPECT_THAT(graph.awaited_by[0].call_stack, IsEmpty());
  waiter.cancel();
  turn(3);
}

TEST_F(CallGraphTest, DepthLeavesOutTheNewestOfTheCurrentTask) {  // INTRO-03
  options = {.depth = 2};
  run(above());
  EXPECT_THAT(names(seen->call_stack), ElementsAre("above"));
  options = {.depth = 9};
  run(above());
  EXPECT_THAT(seen->call_stack, IsEmpty());
}

TEST_F(CallGraphTest, IsPrintedWithWhoAwaitsIndentedByFourPerLevel) {  // INTRO-04
  const auto future = loop().create_future<void>();
  auto worker = start([](Future<void> awaited) -> Coro<void> { co_await awaited; }(future), {.name = "worker"});
  auto boss = start([](Task<void> awaited) -> Coro<void> { co_await awaited; }(worker), {.name = "boss"});
  turn(2);
  EXPECT_THAT(format_call_graph(capture_call_graph(future.state())),
              MatchesRegex("\\* Future\\(id=0x[0-9a-f]+\\)\n"
                           "  \\+ Awaited by:\n"
                           "    \\* Task\\(name='worker', id=0x[0-9a-f]+\\)\n"
                           "      \\+ Call stack:\n"
                           "      \\|   File '.*call_graph_test.cc', line [0-9]+, in async .*\\(\\)\n"
                           "      \\+ Awaited by:\n"
                           "        \\* Task\\(name='boss', id=0x[0-9a-f]+\\)\n"
                           "          \\+ Call stack:\n"
                           "          \\|   File '.*call_graph_test.cc', line [0-9]+, in async .*\\(\\)"));
  future.set_result();
  turn(2);
  EXPECT_TRUE(boss.done());
}

AsyncGenerator<std::string> looks_at_itself() { co_yield format_call_graph(); }
Coro<std::string> asks_a_generator() {
  const auto generator = looks_at_itself();
  auto text = *co_await generator.anext();
  co_await generator.aclose();
  co_return text;
}

TEST_F(CallGraphTest, NamesTheFunctionsAndWhatKindTheyAre) {  // INTRO-04
  const auto printed = run(asks_a_generator());
  EXPECT_THAT(printed, StartsWith("* Task(name='Task-"));
  EXPECT_THAT(printed, HasSubstr(", in async generator evloop::looks_at_itself()\n"));
  EXPECT_TRUE(printed.ends_with(", in async evloop::asks_a_generator()")) << printed;
}

TEST_F(CallGraphTest, IsPrintedIntoAFile) {  // INTRO-04
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  const auto body = [&]() -> Coro<void> {
    print_call_graph({}, file.get());
    co_return;
  };
  run(body());
  std::rewind(file.get());
  std::array<char, 8> text{};
  ASSERT_TRUE(std::fgets(text.data(), text.size(), file.get()));
  EXPECT_EQ(std::string(text.data()), "* Task(");
}

// --- trees ---

Coro<void> await_task(Task<void>& task) { co_await task; }
Coro<void> wait_long() { co_await sleep(1h); }

TEST_F(CallGraphTest, TasksAreDrawnBelowTheCoroutinesThatWaitForThem) {
  auto child = start(wait_long(), {.name = "child"});
  auto parent = loop().create_task(await_task, std::ref(child));
  parent.set_name("parent");
  turn();
  EXPECT_THAT(format_task_trees(loop()), MatchesRegex("└── \\(T\\) parent\n"
                                                      "    └──  evloop::await_task .*call_graph_test.cc:[0-9]+\n"
                                                      "        └── \\(T\\) child\n"
                                                      "            └──  evloop::wait_long .*\n"
                                                      "(                └── .*\n)?"));
  parent.cancel();
  turn(3);
}

TEST_F(CallGraphTest, TasksThatWaitForEachOtherCannotBeDrawn) {  // INTRO-06
  std::vector<Task<void>> tasks(3);
  for (std::size_t i = 0; i < 3; ++i) {
    tasks[i] = loop().create_task(await_task, std::ref(tasks[(i + 1) % 3]));
    tasks[i].set_name("T" + std::to_string(i));
  }
  turn();
  EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(format_task_trees(loop())); }),
            "ERROR: await-graph contains cycles - cannot print a tree!\n\ncycle: T0 → T1 → T2 → T0");
  // And a graph comes to an end.
  const auto graph = capture_call_graph(tasks[0].state());
  EXPECT_EQ(graph.awaited_by[0].awaited_by[0].awaited_by[0].future, graph.future);
  EXPECT_THAT(graph.awaited_by[0].awaited_by[0].awaited_by[0].awaited_by, IsEmpty());
  for (auto& task : tasks) task.base().set_quiet();
  end_loop();
}

}  // namespace
}  // namespace evloop
