#include "net/stream_reader.h"

#include "aio/settled.h"
#include "net/net_test.h"
#include "net/pausable_transport.h"

namespace evloop {
namespace {

using testing::HasSubstr;

class StreamReaderTest : public NetTest {
 protected:
  Ref<StreamReader> make(std::size_t limit = default_stream_limit) {
    reader_ = Ref(new StreamReader(loop_, limit));
    reader_->set_transport(transport_.get());
    return reader_;
  }
  void feed(std::string_view data) { reader_->feed_data(bytes(data)); }
  template <class E, class Reading>
  std::string error_of(Reading reading) {
    try {
      static_cast<void>(run(std::move(reading)));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
  std::string separators(std::vector<std::string> separators) {
    return run(reader_->readuntil(std::move(separators))).str();
  }

  Ref<PausableTransport> transport_{new PausableTransport};
  Ref<StreamReader> reader_;
};

TEST_F(StreamReaderTest, TheLimitIsPositive) {  // STREAM-03
  try {
    make(0);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "Limit cannot be <= 0");
  }
}

TEST_F(StreamReaderTest, PausesAboveTwiceTheLimitAndResumesAtIt) {  // STREAM-04
  make(4);
  feed("12345678");
  EXPECT_TRUE(transport_->reading);
  feed("9");
  EXPECT_FALSE(transport_->reading);
  feed("more");
  EXPECT_EQ(transport_->pauses, 1);
  run(reader_->read(8));
  EXPECT_FALSE(transport_->reading);
  run(reader_->read(1));
  EXPECT_TRUE(transport_->reading);
}

TEST_F(StreamReaderTest, AReadThatMustWaitResumes) {  // STREAM-04
  make(2);
  feed("12345");
  ASSERT_FALSE(transport_->reading);
  auto task = loop_.create_task(reader_->readexactly(10));
  turn();
  EXPECT_TRUE(transport_->reading);
  feed("67890");
  turn(2);
  EXPECT_EQ(task.result(), "1234567890");
}

TEST_F(StreamReaderTest, ReadsAtLeastOneByteAndAtMostSoMany) {  // STREAM-05
  make();
  feed("data");
  EXPECT_EQ(run(reader_->read(0)), "");
  EXPECT_EQ(run(reader_->read(3)), "dat");
  EXPECT_EQ(run(reader_->read(3)), "a");
  auto task = loop_.create_task(reader_->read(10));
  turn(2);
  EXPECT_FALSE(task.done());
  feed("x");
  turn(1);
  EXPECT_EQ(task.result(), "x");
  reader_->feed_eof();
  EXPECT_EQ(run(reader_->read(10)), "");
}

TEST_F(StreamReaderTest, ReadsToTheEndWhateverTheLimit) {  // STREAM-05
  make(3);
  auto task = loop_.create_task(reader_->read());
  turn();
  std::string all;
  for (const auto* part : {"some", "more than", "the limit"}) {
    feed(part);
    all += part;
    turn();
  }
  EXPECT_TRUE(transport_->reading);
  reader_->feed_eof();
  turn(2);
  EXPECT_EQ(task.result(), all);
  EXPECT_TRUE(reader_->at_eof());
}

TEST_F(StreamReaderTest, ReadsExactlySoMany) {  // STREAM-06
  make();
  EXPECT_EQ(error_of<ValueError>(reader_->readexactly(-1)), "readexactly size can not be less than zero");
  EXPECT_EQ(run(reader_->readexactly(0)), "");
  feed("12345");
  EXPECT_EQ(run(reader_->readexactly(4)), "1234");
  reader_->feed_eof();
  try {
    run(reader_->readexactly(3));
    FAIL();
  } catch (const IncompleteReadError& error) {
    EXPECT_STREQ(error.what(), "1 bytes read on a total of 3 expected bytes");
    EXPECT_EQ(error.partial, "5");
    EXPECT_EQ(error.expected, 3u);
  }
  EXPECT_TRUE(reader_->at_eof());
}

TEST_F(StreamReaderTest, ReadsUntilASeparatorThatMayComeInParts) {  // STREAM-07
  make();
  auto task = loop_.create_task(reader_->readuntil("END"));
  turn();
  for (const auto* part : {"dataE", "N", "Dtail"}) {
    EXPECT_FALSE(task.done());
    feed(part);
    turn(2);
  }
  EXPECT_EQ(task.result(), "dataEND");
  reader_->feed_eof();
  try {
    run(reader_->readuntil("END"));
    FAIL();
  } catch (const IncompleteReadError& error) {
    EXPECT_STREQ(error.what(), "4 bytes read on a total of undefined expected bytes");
    EXPECT_EQ(error.partial, "tail");
    EXPECT_FALSE(error.expected);
  }
  EXPECT_TRUE(reader_->at_eof());
}

TEST_F(StreamReaderTest, OverTheLimitTheDataStay) {  // STREAM-08
  make(3);
  feed("12345");
  try {
    run(reader_->readuntil("AB"));
    FAIL();
  } catch (const LimitOverrunError& error) {
    EXPECT_STREQ(error.what(), "Separator is not found, and chunk exceed the limit");
    EXPECT_EQ(error.consumed, 4u);
  }
  feed("AB");
  try {
    run(reader_->readuntil("AB"));
    FAIL();
  } catch (const LimitOverrunError& error) {
    EXPECT_STREQ(error.what(), "Separator is found, but chunk is longer than limit");
    EXPECT_EQ(error.consumed, 5u);
  }
  EXPECT_EQ(run(reader_->readexactly(2)), "12");
  EXPECT_EQ(run(reader_->readuntil("AB")), "345AB");  // the separator does not count
}

TEST_F(StreamReaderTest, TheSeparatorThatEndsFirstWins) {  // STREAM-09
  make();
  EXPECT_EQ(error_of<ValueError>(reader_->readuntil(std::vector<std::string>())),
            "Separator should contain at least one element");
  EXPECT_EQ(error_of<ValueError>(reader_->readuntil("")), "Separator should be at least one-byte string");
  EXPECT_EQ(error_of<ValueError>(reader_->readuntil(std::vector<std::string>{"x", ""})),
            "Separator should be at least one-byte string");
  feed("a;b\r\nc,longsepd");
  EXPECT_EQ(separators({"\r\n", ";"}), "a;");
  EXPECT_EQ(separators({"\n", "\r\n"}), "b\r\n");
  EXPECT_EQ(separators({"longsep", ","}), "c,");
  EXPECT_EQ(separators({"sep", "longsep", "longsepd!"}), "longsep");
}

TEST_F(StreamReaderTest, OfTwoThatEndTogetherTheShorterCounts) {  // STREAM-09
  make(4);
  feed("12345ab");
  // "b" begins after the limit, "5ab" would not.
  EXPECT_THAT(error_of<LimitOverrunError>(reader_->readuntil(std::vector<std::string>{"5ab", "b"})),
              HasSubstr("longer than limit"));
}

TEST_F(StreamReaderTest, ReadsLinesThenTheRestThenNothing) {  // STREAM-10
  make();
  feed("one\ntwo\nrest");
  reader_->feed_eof();
  EXPECT_EQ(run(reader_->readline()), "one\n");
  EXPECT_EQ(run(reader_->next_line()), Bytes(std::string_view("two\n")));
  EXPECT_FALSE(reader_->at_eof());
  EXPECT_EQ(run(reader_->readline()), "rest");
  EXPECT_TRUE(reader_->at_eof());
  EXPECT_EQ(run(reader_->readline()), "");
  EXPECT_EQ(run(reader_->next_line()), std::nullopt);
}

TEST_F(StreamReaderTest, ALineOverTheLimitIsDroppedWhole) {  // STREAM-10
  make(3);
  feed("12345\nok\n");
  EXPECT_EQ(error_of<ValueError>(reader_->readline()), "Separator is found, but chunk is longer than limit");
  EXPECT_EQ(run(reader_->readline()), "ok\n");
}

TEST_F(StreamReaderTest, WithoutItsNewlineEverythingIsDropped) {  // STREAM-10
  make(3);
  feed("12345");
  EXPECT_EQ(error_of<ValueError>(reader_->readline()), "Separator is not found, and chunk exceed the limit");
  feed("6\nok\n");
  EXPECT_EQ(run(reader_->readline()), "6\n");
  EXPECT_EQ(run(reader_->readline()), "ok\n");
}

TEST_F(StreamReaderTest, OneReadWaitsAtATime) {  // STREAM-11
  make();
  auto first = loop_.create_task(reader_->read(1));
  turn();
  const auto refused = [](const char* method) {
    return std::string(method) + "() called while another coroutine is already waiting for incoming data";
  };
  EXPECT_EQ(error_of<LoopError>(reader_->read(1)), refused("read"));
  EXPECT_EQ(error_of<LoopError>(reader_->readexactly(1)), refused("readexactly"));
  EXPECT_EQ(error_of<LoopError>(reader_->readuntil()), refused("readuntil"));
  EXPECT_EQ(error_of<LoopError>(reader_->readline()), refused("readuntil"));
  feed("x");
  turn();
  EXPECT_EQ(first.result(), "x");
}

TEST_F(StreamReaderTest, ASettledReadAnswersTheErrorToo) {  // STREAM-12
  make();
  reader_->set_exception(std::make_exception_ptr(ValueError("gone")));
  const auto body = [&]() -> Coro<void> {
    const auto ended = co_await settled(reader_->read());
    EXPECT_TRUE(holds<ValueError>(ended.error()));
  };
  run(body());
}

TEST_F(StreamReaderTest, AnErrorWakesTheReaderAndIsThrownFromThenOn) {  // STREAM-12
  make();
  auto waiting = loop_.create_task(reader_->read(10));
  turn();
  feed("data");
  reader_->set_exception(std::make_exception_ptr(ValueError("broken")));
  turn();
  EXPECT_EQ(waiting.result(), "data");  // woken before
  EXPECT_EQ(error_of<ValueError>(reader_->read(0)), "broken");
  EXPECT_EQ(error_of<ValueError>(reader_->readline()), "broken");
  EXPECT_EQ(error_of<ValueError>(reader_->readexactly(0)), "broken");
  make();
  auto failing = loop_.create_task(reader_->readline());
  turn();
  reader_->set_exception(std::make_exception_ptr(ValueError("broken")));
  turn();
  EXPECT_TRUE(holds<ValueError>(failing.exception()));
}

TEST_F(StreamReaderTest, ACancelledReadLosesNothing) {  // STREAM-13
  make();
  auto task = loop_.create_task(reader_->read(10));
  turn();
  task.cancel();
  feed("da");  // before the task has noticed
  turn();
  EXPECT_TRUE(task.cancelled());
  feed("ta");
  EXPECT_EQ(run(reader_->read(10)), "data");
}

TEST_F(StreamReaderTest, NothingIsFedAfterTheEnd) {
  make();
  reader_->feed_eof();
  EXPECT_THROW(feed("x"), LoopError);
}

}  // namespace
}  // namespace evloop
