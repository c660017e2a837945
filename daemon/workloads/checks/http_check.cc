#include "workloads/checks/http_check.h"

#include <algorithm>

#include "aio/errors.h"
#include "workloads/checks/http_reply.h"

namespace evloopd::workloads {
namespace {

std::string request_of(const CheckOptions& options, const std::string& authority) {
  return options.method + ' ' + options.path +
         " HTTP/1.1\r\nHost: " + (options.host.empty() ? authority : options.host) +
         "\r\nUser-Agent: evloopd-check\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace

bool status_fits(int status, const std::vector<std::string>& wanted) {
  const auto text = std::to_string(status);
  return std::ranges::any_of(wanted, [&](const std::string& want) {
    return want == text || (want.ends_with("xx") && want.front() == text.front());
  });
}

evloop::Coro<std::string> ask_http(const evloop::Stream& stream, const CheckOptions& options,
                                   const std::string& authority) {
  stream.writer->write(request_of(options, authority));
  HttpReply reply(options.method == "HEAD");
  // The body only if it matters.
  const auto known = [&] {
    return reply.is_complete() ||
           (reply.has_head() && (options.body.empty() || reply.is_full() || reply.has_body(options.body)));
  };
  while (!known()) {
    const auto data = co_await stream.reader->read(16 * 1024);
    if (data.empty()) {
      reply.end_of_data();
      break;
    }
    reply.feed(data);
  }
  if (!reply.has_head()) throw evloop::ValueError("the connection ended before an answer");
  const auto status = "status " + std::to_string(reply.status());
  if (!status_fits(reply.status(), options.statuses)) throw evloop::ValueError(status);
  if (!options.header.empty() && !reply.has_header(options.header))
    throw evloop::ValueError(status + " without the header " + options.header);
  if (!options.body.empty() && !reply.has_body(options.body))
    throw evloop::ValueError(status + ", and the body does not hold what was expected");
  co_return status;
}

}  // namespace evloopd::workloads
