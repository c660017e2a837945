#include "net/stream_reader.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "net/stream_protocol.h"
#include "net/transport.h"

namespace evloop {
namespace {

constexpr std::string_view newline = "\n";
constexpr auto separator_missing = "Separator is not found, and chunk exceed the limit";
constexpr auto separator_late = "Separator is found, but chunk is longer than limit";

}  // namespace

void StreamReader::prepare_special_wait(const char* method) {
  if (waiter_)
    throw LoopError(std::string(method) + "() called while another coroutine is already waiting for incoming data");
  // What is paused would never come: a read of more than the limit must not wait for ever.
  paused_ = false;
  if (transport_) transport_->resume_reading();
}

StreamReader::StreamReader(EventLoop& loop, std::size_t limit, bool is_part)
    : loop_(loop), limit_(limit), is_part_(is_part) {
  if (limit == 0) throw ValueError("Limit cannot be <= 0");
}

void StreamReader::dispose() noexcept {
  if (is_part_) {
    delete static_cast<StreamReaderProtocol*>(this);
  } else {
    delete this;
  }
}

void StreamReader::throw_exception() const { std::rethrow_exception(exception_); }

void StreamReader::wake() {
  if (auto* const waiter = waiter_) {
    forget_waiter();
    waiter->wake();
  }
}

void StreamReader::feed_data(std::span<const std::byte> data) {
  if (eof_) throw LoopError("feed_data after feed_eof");
  if (data.empty()) return;
  buffer_.append(data);
  data_added();
}

void StreamReader::arrived(std::size_t count) {
  buffer_.grow(count);
  // More than a quarter of what was expected, at most a half: as expected.
  if ((count - 1) >> (expected_ - 2) != 1) expect_after(count);
  data_added();
}

// Twice of what came last and more, so that all of the next is likely to fit; of a full buffer much more is to come.
void StreamReader::expect_after(std::size_t count) noexcept {
  const std::size_t wanted = std::bit_width(count - 1) + (count >> expected_ ? 2 : 1);
  expected_ = static_cast<std::uint8_t>(std::clamp<std::size_t>(wanted, least_expected, most_expected));
}

void StreamReader::data_added() {
  if (to_end_) return;
  if (holds_too_much()) [[unlikely]]
    return pause_and_wake();
  wake();
}

void StreamReader::pause_and_wake() {
  transport_->pause_reading();
  paused_ = true;
  wake();
}

void StreamReader::feed_eof() {
  eof_ = true;
  buffer_.trim();
  wake();
}

void StreamReader::set_exception(std::exception_ptr error) {
  exception_ = std::move(error);
  if (auto* const waiter = waiter_) {
    forget_waiter();
    waiter->fail(exception_);
  }
}

void StreamReader::resume_transport() {
  if (buffer_.size() > limit_) return;
  paused_ = false;
  if (transport_) transport_->resume_reading();
}

void StreamReader::ReadAwaiter::stop_waiting() noexcept {
  reader_->stop_waiting(point_);
  point_.~WaitPoint();
}

Coro<Bytes> StreamReader::readexactly(std::ptrdiff_t count) {
  const Ref<StreamReader> self(this);
  if (count < 0) throw ValueError("readexactly size can not be less than zero");
  check_exception();
  const auto wanted = static_cast<std::size_t>(count);
  while (buffer_.size() < wanted) {
    if (eof_) throw IncompleteReadError(std::exchange(buffer_, {}), wanted);
    co_await data("readexactly");
  }
  auto data = buffer_.take(wanted);
  maybe_resume_transport();
  co_return data;
}

Coro<Bytes> StreamReader::readuntil(std::string separator) {
  std::vector<std::string> separators;
  separators.push_back(std::move(separator));
  return readuntil(std::move(separators));
}

Coro<Bytes> StreamReader::readuntil(std::vector<std::string> separators) {
  const Ref<StreamReader> self(this);
  // The shortest first: of those that end at the same place it counts (STREAM-09).
  std::ranges::sort(separators, {}, &std::string::size);
  if (separators.empty()) throw ValueError("Separator should contain at least one element");
  if (separators.front().empty()) throw ValueError("Separator should be at least one-byte string");
  check_exception();
  const std::vector<std::string_view> views(separators.begin(), separators.end());
  std::size_t offset = 0;
  for (;;) {
    if (const auto match = find(views, offset)) {
      if (match->begin > limit_) throw LimitOverrunError(separator_late, match->begin);
      auto data = buffer_.take(match->end);
      maybe_resume_transport();
      co_return data;
    }
    if (offset > limit_) throw LimitOverrunError(separator_missing, offset);
    if (eof_) throw IncompleteReadError(std::exchange(buffer_, {}), std::nullopt);
    co_await data("readuntil");
  }
}

Coro<Bytes> StreamReader::readline() {
  const Ref<StreamReader> self(this);
  check_exception();
  std::size_t offset = 0;
  for (;;) {
    const auto match = find({&newline, 1}, offset);
    if (match && match->begin > limit_) {
      buffer_.consume(match->end);
      maybe_resume_transport();
      throw ValueError(separator_late);
    }
    if (match || eof_) {
      auto line = buffer_.take(match ? match->end : buffer_.size());
      if (match) maybe_resume_transport();
      co_return line;
    }
    if (offset > limit_) {
      buffer_.clear();
      maybe_resume_transport();
      throw ValueError(separator_missing);
    }
    co_await data("readuntil");
  }
}

Coro<std::optional<Bytes>> StreamReader::next_line() {
  auto line = co_await readline();
  if (line.empty()) co_return std::nullopt;
  co_return std::move(line);
}

// `offset`: no separator begins before it. Moves it past what has been searched.
std::optional<StreamReader::Match> StreamReader::find(std::span<const std::string_view> separators,
                                                      std::size_t& offset) const {
  const auto data = buffer_.view();
  std::optional<Match> first;
  for (const auto separator : separators) {
    const auto begin = separator.size() == 1 ? data.find(separator[0], offset) : data.find(separator, offset);
    if (begin == std::string_view::npos) continue;
    if (!first || begin + separator.size() < first->end) first = Match{begin, begin + separator.size()};
  }
  // What is there may end with the beginning of the longest separator.
  const auto longest = separators.back().size();
  if (!first) offset = std::max(offset, data.size() + 1 > longest ? data.size() + 1 - longest : 0);
  return first;
}

}  // namespace evloop
