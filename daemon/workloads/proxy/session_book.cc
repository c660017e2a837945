#include "workloads/proxy/session_book.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <string_view>

#include "workloads/proxy/session.h"

namespace evloopd::workloads {
namespace {

// A JSON text. What is no ASCII stands as its byte's number: names in TLS are ASCII, and a log must not carry what
// somebody else made up.
void append_text(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += {'\\', c};
    } else if (c >= ' ' && c <= '~') {
      line += c;
    } else {
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned char>(c));
    }
  }
  line += '"';
}

void append(std::string& line, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  fmt::format_to(std::back_inserter(line), ",\"{}\":", key);
  append_text(line, text);
}

double seconds(evloop::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string_view or_unix(const std::string& text) { return text.empty() ? std::string_view("unix:") : text; }

}  // namespace

Session::~Session() { book_.ended(*this); }

void SessionBook::ended(const Session& session) noexcept {
  counters_.count(session.reason());
  if (!log_) return;
  try {
    write(session);
  } catch (...) {
    // Without memory there is no line, and the connection ends all the same.
  }
}

void SessionBook::write(const Session& session) {
  const auto now = std::chrono::system_clock::now();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  const auto out = std::back_inserter(lines_);
  fmt::format_to(out, R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:06}Z")",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(now)), micros);
  append(lines_, "client", or_unix(session.client.to_string()));
  append(lines_, "listener", or_unix(session.local.to_string()));
  append(lines_, "workload", names_.workload);
  append(lines_, "loop", names_.loop);
  if (session.place) append(lines_, "upstream", session.place.endpoint().name());
  fmt::format_to(out, R"(,"bytes_in":{},"bytes_out":{})", session.bytes_in, session.bytes_out);
  if (session.connected)
    fmt::format_to(out, R"(,"connect_seconds":{:.6f})", seconds(*session.connected - session.accepted));
  if (session.first_byte)
    fmt::format_to(out, R"(,"first_byte_seconds":{:.6f})", seconds(*session.first_byte - session.accepted));
  fmt::format_to(out, R"(,"total_seconds":{:.6f},"reason":"{}")", seconds(loop_.time() - session.accepted),
                 name_of(session.reason()));
  if (session.tls) {
    append(lines_, "tls_version", session.tls->version);
    append(lines_, "tls_server_name", session.tls->server_name);
    append(lines_, "tls_alpn", session.tls->alpn);
  }
  append(lines_, "proxy", session.proxy.to_string());
  lines_ += "}\n";
  ++count_;
  if (lines_.size() >= batch || loop_.is_closed()) return flush();
  if (!timer_)
    timer_ = loop_.call_later(interval, [this] {
      timer_ = {};
      flush();
    });
}

void SessionBook::flush() noexcept {
  if (count_ == 0) return;
  log_->write(lines_, count_);
  lines_.clear();
  count_ = 0;
}

}  // namespace evloopd::workloads
