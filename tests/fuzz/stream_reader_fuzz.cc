// Any bytes as a program for a StreamReader: chunks that are fed to it, and reads of all kinds. What the reads answer
// or throw, and when, must be what a plain string and the contract's rules say; and a read that waits must not wait for
// a transport that is paused.
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "aio/event_loop.h"
#include "fuzz/target.h"
#include "net/pausable_transport.h"
#include "net/stream_reader.h"
#include "support/virtual_time.h"

namespace {

using namespace evloop;

enum class Kind { read, readexactly, readuntil, readline };

struct Read {
  Kind kind;
  std::ptrdiff_t count = 0;
  std::vector<std::string> separators{};
};

// What a read answers, or the error that it throws.
std::string answer(std::string_view data) { return "data " + std::string(data); }
std::string overrun(std::string_view text, std::size_t consumed) {
  return "overrun " + std::string(text) + " " + std::to_string(consumed);
}
std::string incomplete(std::string_view partial, const std::string& expected) {
  return "incomplete " + std::string(partial) + " of " + expected;
}
constexpr std::string_view missing = "Separator is not found, and chunk exceed the limit";
constexpr std::string_view late = "Separator is found, but chunk is longer than limit";

// What is known of the buffer, and the rules (STREAM-05 to STREAM-10).
class Model {
 public:
  explicit Model(std::size_t limit) : limit_(limit) {}

  void feed(std::string_view data) { data_ += data; }
  void end() { eof_ = true; }
  [[nodiscard]] bool at_eof() const { return eof_ && data_.empty(); }

  // Nothing if the read has to wait. To be asked again after each change.
  std::optional<std::string> look(const Read& read) {
    switch (read.kind) {
      case Kind::read: return look_read(read);
      case Kind::readexactly:
        if (data_.size() >= static_cast<std::size_t>(read.count))
          return answer(take(static_cast<std::size_t>(read.count)));
        if (eof_) return incomplete(take(data_.size()), std::to_string(read.count));
        return std::nullopt;
      case Kind::readuntil: return look_until(read);
      case Kind::readline: return look_line();
    }
    return std::nullopt;
  }

 private:
  struct Match {
    std::size_t begin, end;
  };

  std::optional<std::string> look_read(const Read& read) {
    if (read.count == 0) return answer("");
    if (read.count > 0) {
      if (data_.empty() && !eof_) return std::nullopt;
      return answer(take(std::min(data_.size(), static_cast<std::size_t>(read.count))));
    }
    if (!eof_) return std::nullopt;
    return answer(take(data_.size()));
  }
  std::optional<std::string> look_until(const Read& read) {
    const auto match = first_end(read.separators);
    if (match && match->begin > limit_) return overrun(late, match->begin);
    if (match) return answer(take(match->end));
    if (const auto offset = searched(read.separators); offset > limit_) return overrun(missing, offset);
    if (eof_) return incomplete(take(data_.size()), "undefined");
    return std::nullopt;
  }
  std::optional<std::string> look_line() {
    const std::vector<std::string> newline{"\n"};
    const auto match = first_end(newline);
    if (match && match->begin > limit_) {
      take(match->end);
      return "value " + std::string(late);
    }
    if (match) return answer(take(match->end));
    if (searched(newline) > limit_) {
      take(data_.size());
      return "value " + std::string(missing);
    }
    if (eof_) return answer(take(data_.size()));
    return std::nullopt;
  }
  // The separator that ends first, of those that end there the shortest.
  [[nodiscard]] std::optional<Match> first_end(const std::vector<std::string>& separators) const {
    for (std::size_t end = 1; end <= data_.size(); ++end) {
      std::optional<Match> shortest;
      for (const auto& separator : separators) {
        if (!std::string_view(data_).substr(0, end).ends_with(separator)) continue;
        const auto begin = end - separator.size();
        if (!shortest || begin > shortest->begin) shortest = Match{begin, end};
      }
      if (shortest) return shortest;
    }
    return std::nullopt;
  }
  // No separator begins before it.
  [[nodiscard]] std::size_t searched(const std::vector<std::string>& separators) const {
    const auto longest = std::ranges::max(separators, {}, &std::string::size).size();
    return data_.size() + 1 > longest ? data_.size() + 1 - longest : 0;
  }
  std::string take(std::size_t count) {
    auto front = data_.substr(0, count);
    data_.erase(0, count);
    return front;
  }

  const std::size_t limit_;
  std::string data_;
  bool eof_ = false;
};

Coro<std::string> perform(StreamReader& reader, Read read) {
  try {
    switch (read.kind) {
      case Kind::read: co_return answer((co_await reader.read(read.count)).view());
      case Kind::readexactly: co_return answer((co_await reader.readexactly(read.count)).view());
      case Kind::readuntil: co_return answer((co_await reader.readuntil(read.separators)).view());
      case Kind::readline: co_return answer((co_await reader.readline()).view());
    }
  } catch (const LimitOverrunError& error) {
    co_return overrun(error.what(), error.consumed);
  } catch (const IncompleteReadError& error) {
    co_return incomplete(error.partial.view(), error.expected ? std::to_string(*error.expected) : "undefined");
  } catch (const ValueError& error) {
    co_return "value " + std::string(error.what());
  }
  throw std::logic_error("no such read");
}

// Takes the input apart. At its end every number is 0.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::size_t number(std::size_t below) {
    if (bytes_.empty()) return 0;
    const std::size_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value % below;
  }
  // Of few letters, so that separators occur.
  std::string text(std::size_t size) {
    constexpr std::string_view letters = "ab\r\n";
    std::string text;
    for (; text.size() < size && !bytes_.empty(); bytes_ = bytes_.subspan(1)) text += letters[bytes_.front() % 4];
    return text;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

Read next_read(Input& input) {
  switch (input.number(4)) {
    case 0: return {.kind = Kind::read, .count = static_cast<std::ptrdiff_t>(input.number(40)) - 1};
    case 1: return {.kind = Kind::readexactly, .count = static_cast<std::ptrdiff_t>(input.number(40))};
    case 2: {
      Read read{.kind = Kind::readuntil};
      for (auto count = input.number(3); read.separators.size() <= count;)
        read.separators.push_back("a" + input.text(input.number(3)));
      return read;
    }
    default: return {.kind = Kind::readline};
  }
}

class Run {
 public:
  Run(EventLoop& loop, std::size_t limit) : loop_(loop), model_(limit), reader_(new StreamReader(loop, limit)) {
    reader_->set_transport(transport_.get());
  }
  ~Run() { reader_->set_transport(nullptr); }

  // Some chunks, then a read that must be answered as the model says, at once or when enough has come.
  void step(Input& input) {
    for (auto chunks = input.number(3); chunks > 0; --chunks) feed(input.text(input.number(24)));
    const auto read = next_read(input);
    auto task = loop_.create_task(perform(*reader_, read));
    turn();
    while (!check(task, read)) {
      if (input.number(8) == 7 || input.empty()) {
        end();
      } else {
        feed(input.text(1 + input.number(16)));
      }
      turn();
    }
    if (reader_->at_eof() != model_.at_eof()) throw std::logic_error("it differs on the end of data");
  }

 private:
  void feed(std::string_view data) {
    if (ended_) return;
    reader_->feed_data(std::as_bytes(std::span(data)));
    model_.feed(data);
  }
  void end() {
    ended_ = true;
    reader_->feed_eof();
    model_.end();
  }
  void turn() {
    const EventLoop::RunScope scope(loop_);
    for (int i = 0; i < 3; ++i) {
      loop_.call_soon([] {});
      loop_.run_once();
    }
  }
  // True if the read is over.
  bool check(const Task<std::string>& task, const Read& read) {
    const auto expected = model_.look(read);
    if (task.done() != expected.has_value())
      throw std::logic_error(expected ? "waits instead of: " + *expected : "does not wait: " + task.result());
    if (!expected) {
      if (!transport_->reading) throw std::logic_error("waits for a transport that is paused");
      return false;
    }
    if (task.result() != *expected) throw std::logic_error("expected " + *expected + ", got " + task.result());
    return true;
  }

  EventLoop& loop_;
  Model model_;
  const Ref<PausableTransport> transport_{new PausableTransport};
  const Ref<StreamReader> reader_;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // For as long as the program lives: making a loop takes longer than most inputs.
  static VirtualClock clock;
  static auto& loop = *new EventLoop(
      {.selector = std::make_unique<VirtualTime>(clock), .clock = &clock, .default_exception_handler = {}});
  Input input({data, size});
  Run run(loop, 1 + input.number(16));
  while (!input.empty()) run.step(input);
  return 0;
}
