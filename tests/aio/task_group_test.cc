#include "aio/task_group.h"

#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class Exit final : public Fatal {};

class TaskGroupTest : public LoopTest {
 public:
  template <class F>
  void in_task(F body) {
    run(body());
  }
  Coro<void> member(Duration delay, std::string name) {
    const auto slept = co_await settled(sleep(delay));
    note(name + (slept ? "" : " cancelled"));
    if (!slept) std::rethrow_exception(slept.error());
  }
  Coro<void> fails(Duration delay, std::string text) {
    co_await sleep(delay);
    throw ValueError(text);
  }
  // The texts of a group of ValueErrors.
  static std::vector<std::string> errors(const std::exception_ptr& error) {
    std::vector<std::string> texts;
    try {
      std::rethrow_exception(error);
    } catch (const ExceptionGroup& group) {
      EXPECT_STREQ(group.what(), "unhandled errors in a TaskGroup");
      for (const auto& one : group.errors()) texts.push_back(text_of<ValueError>(one));
    }
    return texts;
  }
};

TEST_F(TaskGroupTest, WaitsForAllItsTasksAlsoForLaterOnes) {  // TG-01
  in_task([&]() -> Coro<void> {
    const auto spawns = [&](TaskGroup& group) -> Coro<void> {
      co_await sleep(2s);
      static_cast<void>(group.create_task(member(3s, "late")));
    };
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(member(1s, "a")));
      static_cast<void>(group.create_task(spawns(group)));
      note("body");
      co_await yield();
    });
    EXPECT_EQ(now(), 5s);
  });
  EXPECT_THAT(noted(), ElementsAre("body", "a", "late"));
}

TEST_F(TaskGroupTest, TakesCoroutineFunctionsWithTheirArguments) {
  const auto later = [this](Duration delay, std::string what) -> Coro<void> {
    co_await sleep(delay);
    note(what);
  };
  run(task_group([&](TaskGroup& group) -> Coro<void> {
    static_cast<void>(group.create_task(later, 2s, "second"));
    static_cast<void>(group.create_task(later, 1s, "first"));
    static_cast<void>(group.create_task([this, text = std::string("lambda")]() -> Coro<void> {
      note(text);
      co_return;
    }));
    co_return;
  }));
  EXPECT_THAT(noted(), ElementsAre("lambda", "first", "second"));
}

TEST_F(TaskGroupTest, AFailingMemberCancelsTheOthersAndTheBody) {  // TG-02, TG-03, TG-07
  in_task([&]() -> Coro<void> {
    const auto ended = co_await settled(task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(fails(1s, "first")));
      static_cast<void>(group.create_task(member(1h, "b")));
      const auto slept = co_await settled(sleep(1h));
      note(slept.cancelled() ? "body cancelled" : "");
      std::rethrow_exception(slept.error());
    }));
    EXPECT_THAT(errors(ended.error()), ElementsAre("first"));
    EXPECT_EQ(now(), 1s);
    EXPECT_EQ(current_task()->cancelling(), 0u);
    co_await sleep(1s);
  });
  EXPECT_THAT(noted(), testing::UnorderedElementsAre("b cancelled", "body cancelled"));
}

TEST_F(TaskGroupTest, CollectsErrorsInOrderOfCompletionTheBodysLast) {  // TG-03, TG-04
  in_task([&]() -> Coro<void> {
    const auto fails_when_cancelled = [&](std::string text) -> Coro<void> {
      static_cast<void>(co_await settled(sleep(1h)));
      throw ValueError(text);
    };
    const auto ended = co_await settled(task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(fails_when_cancelled("a")));
      static_cast<void>(group.create_task(fails_when_cancelled("b")));
      co_await sleep(1s);
      throw ValueError("body");
    }));
    EXPECT_THAT(errors(ended.error()), ElementsAre("a", "b", "body"));
  });
}

TEST_F(TaskGroupTest, ACancelledMemberIsNoError) {  // TG-05
  in_task([&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      const auto task = group.create_task(member(1h, "a"));
      static_cast<void>(group.create_task(member(2s, "b")));
      co_await sleep(1s);
      task.cancel();
    });
  });
  EXPECT_THAT(noted(), ElementsAre("a cancelled", "b"));
}

TEST_F(TaskGroupTest, ACancellationFromOutsideCancelsTheMembersAndPasses) {  // TG-06
  const auto body = [&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(member(1h, "a")));
      co_return;
    });
  };
  const auto task = start(body());
  turn(2);
  task.cancel("outside");
  turn(4);
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("a cancelled"));
}

TEST_F(TaskGroupTest, AnErrorBeatsACancellationWhichComesAgain) {  // TG-06
  const auto body = [&]() -> Coro<void> {
    const auto fails_when_cancelled = [&]() -> Coro<void> {
      static_cast<void>(co_await settled(sleep(1h)));
      throw ValueError("member");
    };
    const auto ended = co_await settled(task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(fails_when_cancelled()));
      co_await sleep(1h);
    }));
    EXPECT_THAT(errors(ended.error()), ElementsAre("member"));
    EXPECT_EQ(current_task()->cancelling(), 1u);
    note("handled");
    co_await sleep(1h);
    note("not reached");
  };
  const auto task = start(body());
  turn(2);
  task.cancel();
  turn(5);
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("handled"));
}

TEST_F(TaskGroupTest, SurvivesRepeatedCancellation) {  // TG-08
  const auto stubborn = [&]() -> Coro<void> {
    static_cast<void>(co_await settled(sleep(1h)));
    co_await sleep(3s);
    note("ended");
  };
  const auto body = [&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(stubborn()));
      co_return;
    });
  };
  const auto task = start(body());
  turn(2);
  for (int i = 0; i < 3; ++i) {
    task.cancel();
    turn(2);
    EXPECT_FALSE(task.done());
  }
  run(sleep(5s));
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("ended"));
}

TEST_F(TaskGroupTest, AFatalErrorWinsAndIsThrownBare) {  // TG-09
  const auto fatal = []() -> Coro<void> {
    co_await yield();
    throw Exit();
  };
  const auto body = [&]() -> Coro<void> {
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(fatal()));
      static_cast<void>(group.create_task(member(1h, "a")));
      co_await sleep(1h);
    });
  };
  const auto task = start(body());
  EXPECT_THROW(turn(4), Exit);  // out of the member's step
  EXPECT_THROW(turn(4), Exit);  // out of the group
  EXPECT_TRUE(holds<Exit>(task.exception()));
  EXPECT_THAT(noted(), ElementsAre("a cancelled"));
}

TEST_F(TaskGroupTest, AnInnerGroupsFailureReachesTheOuterOne) {  // TG-10
  in_task([&]() -> Coro<void> {
    const auto ended = co_await settled(task_group([&](TaskGroup& outer) -> Coro<void> {
      static_cast<void>(outer.create_task(member(1h, "outer")));
      co_await task_group([&](TaskGroup& inner) -> Coro<void> {
        static_cast<void>(inner.create_task(fails(1s, "inner")));
        co_return;
      });
    }));
    try {
      std::rethrow_exception(ended.error());
    } catch (const ExceptionGroup& group) {
      EXPECT_THAT(errors(group.errors().at(0)), ElementsAre("inner"));
    }
  });
  EXPECT_THAT(noted(), ElementsAre("outer cancelled"));
}

TEST_F(TaskGroupTest, TakesTasksOnlyWhileItIsOpen) {  // TG-11
  TaskGroup fresh;
  EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(fresh.create_task(member(1s, "x"))); }),
            "TaskGroup <TaskGroup> has not been entered");
  in_task([&]() -> Coro<void> {
    TaskGroup* kept = nullptr;
    TaskGroup group;
    group.enter();
    kept = &group;
    co_await group.exit(nullptr);
    EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(kept->create_task(member(1s, "x"))); }),
              "TaskGroup <TaskGroup entered> is finished");
    const auto ended = co_await settled(task_group([&](TaskGroup& aborting) -> Coro<void> {
      static_cast<void>(aborting.create_task(fails(1s, "a")));
      const auto slept = co_await settled(sleep(1h));
      const auto text = error_of<LoopError>([&] { static_cast<void>(aborting.create_task(member(1s, "x"))); });
      EXPECT_EQ(text, "TaskGroup <TaskGroup errors=1 cancelling> is shutting down");
      std::rethrow_exception(slept.error());
    }));
    EXPECT_EQ(errors(ended.error()).size(), 1u);
  });
}

TEST_F(TaskGroupTest, IsEnteredOnceByATask) {  // TG-12
  in_task([&]() -> Coro<void> {
    TaskGroup group;
    group.enter();
    EXPECT_EQ(error_of<LoopError>([&] { group.enter(); }), "TaskGroup <TaskGroup entered> has already been entered");
    co_await group.exit(nullptr);
  });
  loop().call_soon([] {
    TaskGroup group;
    EXPECT_EQ(error_of<LoopError>([&] { group.enter(); }), "TaskGroup <TaskGroup> cannot determine the parent task");
  });
  turn();
}

TEST_F(TaskGroupTest, AnEagerMembersFailureAbortsThroughTheQueue) {  // TG-13
  in_task([&]() -> Coro<void> {
    const auto at_once = []() -> Coro<void> {
      throw ValueError("eager");
      co_return;
    };
    const auto ended = co_await settled(task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(at_once(), {.eager_start = true}));
      const auto sibling = group.create_task(member(1h, "sibling"));
      EXPECT_FALSE(sibling.done());
      EXPECT_EQ(current_task()->cancelling(), 0u);
      co_await sleep(1h);
    }));
    EXPECT_THAT(errors(ended.error()), ElementsAre("eager"));
  });
}

TEST_F(TaskGroupTest, CancelEndsTheBlockWithoutAnError) {  // TG-14
  in_task([&]() -> Coro<void> {
    const auto cancels = [](TaskGroup& group) -> Coro<void> {
      co_await sleep(1s);
      group.cancel();
      group.cancel();
    };
    co_await task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(member(1h, "a")));
      static_cast<void>(group.create_task(cancels(group)));
      co_await sleep(1h);
      note("not reached");
    });
    EXPECT_EQ(current_task()->cancelling(), 0u);
    EXPECT_EQ(now(), 1s);
    co_await sleep(1s);
  });
  EXPECT_THAT(noted(), ElementsAre("a cancelled"));
}

TEST_F(TaskGroupTest, CancelBeforeItIsEnteredTakesEffectThen) {  // TG-14
  in_task([&]() -> Coro<void> {
    TaskGroup group;
    group.cancel();
    group.enter();
    const auto body = [&]() -> Coro<void> {
      co_await sleep(1h);
      note("not reached");
    };
    const auto outcome = co_await settled(body());
    co_await group.exit(outcome.error());
    EXPECT_EQ(now(), 0s);
    EXPECT_EQ(current_task()->cancelling(), 0u);
  });
}

TEST_F(TaskGroupTest, ErrorsSurfaceAfterACancel) {  // TG-15
  in_task([&]() -> Coro<void> {
    const auto fails_when_cancelled = [&]() -> Coro<void> {
      static_cast<void>(co_await settled(sleep(1h)));
      throw ValueError("member");
    };
    const auto ended = co_await settled(task_group([&](TaskGroup& group) -> Coro<void> {
      static_cast<void>(group.create_task(fails_when_cancelled()));
      co_await yield();
      group.cancel();
    }));
    EXPECT_THAT(errors(ended.error()), ElementsAre("member"));
  });
}

}  // namespace
}  // namespace evloop
