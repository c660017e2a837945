#include "workloads/checks/expect_check.h"

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

constexpr std::size_t most_read = 64 * 1024;

}  // namespace

evloop::Coro<std::string> expect_answer(const evloop::Stream& stream, const CheckOptions& options) {
  if (!options.send.empty()) {
    stream.writer->write(options.send);
    co_await stream.writer->drain();
  }
  std::string come;
  while (come.size() < most_read) {
    const auto data = co_await stream.reader->read(static_cast<std::ptrdiff_t>(most_read - come.size()));
    if (data.empty()) break;
    come.append(reinterpret_cast<const char*>(data.data()), data.size());
    if (come.find(options.expect) != come.npos) co_return "it answers as expected";
  }
  throw evloop::ValueError("what it sent, " + std::to_string(come.size()) + " bytes, does not hold what was expected");
}

}  // namespace evloopd::workloads
