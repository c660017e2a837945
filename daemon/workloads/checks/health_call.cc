#include "workloads/checks/health_call.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <vector>

#include "aio/errors.h"
#include "workloads/checks/health_message.h"

namespace evloopd::workloads {
namespace {

constexpr std::size_t most_received = 64 * 1024;

void check(int result) {
  if (result == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
  if (result < 0) throw evloop::ValueError(std::string("HTTP/2: ") + nghttp2_strerror(result));
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // which are read only
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// "NOT_FOUND" of "5".
std::string code_name(const std::string& code) {
  static constexpr std::array names{
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (std::to_string(i) == code) return names[i];
  return "gRPC status " + code;
}

}  // namespace

struct HealthCall::Nghttp2 {
  nghttp2_session* session = nullptr;
  std::string request;
  std::size_t sent = 0;  // of the request
  std::size_t received = 0;

  // Of the answer.
  bool closed = false;
  std::uint32_t reset = NGHTTP2_NO_ERROR;  // why the stream ended
  std::string http_status;
  std::string grpc_status;
  std::string grpc_message;
  std::string body;

  Nghttp2() = default;
  Nghttp2(const Nghttp2&) = delete;
  Nghttp2& operator=(const Nghttp2&) = delete;
  ~Nghttp2() { nghttp2_session_del(session); }

  static Nghttp2& of(void* self) noexcept { return *static_cast<Nghttp2*>(self); }

  // What nghttp2 calls. Nothing but memory can fail here, and C lets no exception pass.
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_length,
                       const std::uint8_t* value, std::size_t length, std::uint8_t, void* self) noexcept {
    auto& call = of(self);
    const std::string_view key(reinterpret_cast<const char*>(name), name_length);
    const std::string_view text(reinterpret_cast<const char*>(value), length);
    if (key == ":status") call.http_status = text;  // the last one, behind those that are provisional
    if (key == "grpc-status") call.grpc_status = text;
    if (key == "grpc-message") call.grpc_message = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data, std::size_t length,
                     void* self) noexcept {
    auto& body = of(self).body;
    // One byte more than may be: so it shows.
    body.append(reinterpret_cast<const char*>(data), std::min(length, most_health_response + 1 - body.size()));
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t code, void* self) noexcept {
    of(self).closed = true;
    of(self).reset = code;
    return 0;
  }
  static ssize_t read_request(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t most, std::uint32_t* flags,
                              nghttp2_data_source*, void* self) noexcept {
    auto& call = of(self);
    const auto count = std::min(most, call.request.size() - call.sent);
    std::copy_n(call.request.data() + call.sent, count, to);
    call.sent += count;
    if (call.sent == call.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  void open() {
    nghttp2_session_callbacks* callbacks = nullptr;
    check(nghttp2_session_callbacks_new(&callbacks));
    const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> owner(
        callbacks, &nghttp2_session_callbacks_del);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
    check(nghttp2_session_client_new(&session, callbacks, this));
    const nghttp2_settings_entry no_push{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    check(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &no_push, 1));
  }
  void submit(const Options& options) {
    request = health_request(options.service);
    const auto timeout = std::to_string(std::clamp<std::int64_t>(options.timeout.count(), 1, 99'999'999)) + 'm';
    const std::array headers{header(":method", "POST"),
                             header(":scheme", options.tls ? "https" : "http"),
                             header(":path", "/grpc.health.v1.Health/Check"),
                             header(":authority", options.authority),
                             header("content-type", "application/grpc"),
                             header("te", "trailers"),
                             header("grpc-timeout", timeout),
                             header("user-agent", "evloopd-check")};
    const nghttp2_data_provider data{.source = {.ptr = nullptr}, .read_callback = &read_request};
    check(nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &data, this));
  }
};

HealthCall::HealthCall(const Options& options) : http2_(std::make_unique<Nghttp2>()) {
  http2_->open();
  http2_->submit(options);
}

HealthCall::~HealthCall() = default;

std::string HealthCall::output() {
  std::string all;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const auto count = nghttp2_session_mem_send(http2_->session, &data);
    check(static_cast<int>(count));
    if (count == 0) return all;
    all.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count));
  }
}

void HealthCall::feed(std::span<const std::byte> data) {
  http2_->received += data.size();
  if (http2_->received > most_received) throw evloop::ValueError("more has come than an answer takes");
  check(static_cast<int>(
      nghttp2_session_mem_recv(http2_->session, reinterpret_cast<const std::uint8_t*>(data.data()), data.size())));
}

bool HealthCall::is_over() const noexcept { return http2_->closed || nghttp2_session_want_read(http2_->session) == 0; }

std::string HealthCall::verdict() const {
  const auto& answer = *http2_;
  const auto refuse = [](const std::string& why) -> std::string { throw evloop::ValueError(why); };
  if (answer.grpc_status.empty()) {
    if (!answer.http_status.empty() && answer.http_status != "200") return refuse("HTTP status " + answer.http_status);
    if (!answer.closed && answer.received > 0 && nghttp2_session_want_read(answer.session) == 0)
      return refuse("what it sends is no HTTP/2");
    if (!answer.closed) return refuse("the connection ended before an answer");
    if (answer.reset != NGHTTP2_NO_ERROR)
      return refuse(std::string("the stream was reset: ") + nghttp2_http2_strerror(answer.reset));
    return refuse("the answer is no gRPC");
  }
  if (answer.grpc_status != "0")
    return refuse(code_name(answer.grpc_status) + (answer.grpc_message.empty() ? "" : ": " + answer.grpc_message));
  if (answer.body.size() > most_health_response) return refuse("the answer is no health message: it is too long");
  const auto status = parse_health_response(answer.body);
  if (status != ServingStatus::serving) return refuse(status_name(status));
  return status_name(status);
}

}  // namespace evloopd::workloads
