#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "base/log.h"
#include "loop_test.h"

namespace evloop {
namespace {

class Exit final : public Fatal {};

class ExceptionHandlerTest : public LoopTest {};

std::string last_log;

TEST_F(ExceptionHandlerTest, ACallbackThatThrowsIsReportedWithItsHandle) {  // SCHED-14, EXCH-01
  std::vector<std::string> keys;
  loop().set_exception_handler([&](EventLoop& told, const ErrorContext& context) {
    EXPECT_EQ(&told, &loop());
    keys = context.keys();
    EXPECT_EQ(context.message.rfind("Exception in callback ", 0), 0u);
    EXPECT_EQ(text_of<std::runtime_error>(context.exception), "oops");
    EXPECT_NE(context.handle, nullptr);
  });
  loop().call_soon([] { throw std::runtime_error("oops"); });
  turn();
  EXPECT_THAT(keys, ElementsAre("exception", "handle", "message"));
}

TEST_F(ExceptionHandlerTest, AReportSaysWhereTheCallbackWasScheduled) {  // EXCH-09, DBG-05
  std::string message;
  std::uint_least32_t line = 0;
  loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
    message = context.message;
    line = context.handle->where().line();
  });
  const auto here = std::source_location::current();
  loop().call_soon([] { throw std::runtime_error("oops"); });
  turn();
  EXPECT_EQ(line, here.line() + 1);
  EXPECT_TRUE(message.ends_with("exception_handler_test.cc:" + std::to_string(line))) << message;
}

TEST_F(ExceptionHandlerTest, TheHandlerCanBeReplacedAndRestored) {  // EXCH-03
  EXPECT_FALSE(loop().exception_handler());
  loop().set_exception_handler([&](EventLoop&, const ErrorContext&) { note("custom"); });
  EXPECT_TRUE(loop().exception_handler());
  loop().call_exception_handler({.message = "a"});
  loop().set_exception_handler({});
  loop().call_exception_handler({.message = "b"});
  EXPECT_THAT(noted(), ElementsAre("custom"));
  EXPECT_THAT(reported(), ElementsAre("b"));
}

TEST_F(ExceptionHandlerTest, AHandlerThatThrowsIsReportedToTheDefaultOne) {  // EXCH-04
  loop().set_exception_handler([](EventLoop&, const ErrorContext&) { throw ValueError("broken handler"); });
  loop().call_exception_handler({.message = "a"});
  EXPECT_THAT(reported(), ElementsAre("Unhandled error in exception handler"));
}

TEST_F(ExceptionHandlerTest, AFatalErrorOfAHandlerLeavesTheRun) {  // EXCH-06
  loop().set_exception_handler([](EventLoop&, const ErrorContext&) { throw Exit(); });
  loop().call_soon([] { throw ValueError("a"); });
  EXPECT_THROW(loop().run_forever(), Exit);
}

TEST(ExceptionHandler, TheDefaultHandlerLogsMessageKeysAndException) {  // EXCH-02
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  EventLoop loop;
  loop.call_exception_handler({.message = "What happened",
                               .exception = std::make_exception_ptr(ValueError("why")),
                               .more = {{"socket", "3"}, {"protocol", "p"}}});
  EXPECT_EQ(last_log, "What happened\nprotocol: p\nsocket: 3\nevloop::ValueError: why");
  loop.call_exception_handler({.message = ""});
  EXPECT_EQ(last_log, "Unhandled exception in event loop");
  loop.close();
  set_log_sink(nullptr);
}

TEST(ExceptionHandler, ABrokenDefaultHandlerIsLogged) {  // EXCH-05
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  EventLoop loop({.selector = nullptr,
                  .clock = nullptr,
                  .default_exception_handler = [](EventLoop&, const ErrorContext&) { throw ValueError("broken"); }});
  loop.call_exception_handler({.message = "a"});
  EXPECT_EQ(last_log, "Exception in default exception handler");
  loop.set_exception_handler([](EventLoop&, const ErrorContext&) { throw ValueError("broken, too"); });
  loop.call_exception_handler({.message = "a"});
  EXPECT_EQ(last_log,
            "Exception in default exception handler while handling an unexpected error in custom exception handler");
  loop.close();
  set_log_sink(nullptr);
}

}  // namespace
}  // namespace evloop
