#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "net/bytes.h"
#include "net/streams.h"

namespace evloopd::workloads {

// The server's end of one HTTP/2 connection, that answers the first request as it is told to. Any one thread.
class HealthServer {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  struct Answer {
    Headers headers{{":status", "200"}, {"content-type", "application/grpc"}};
    std::string body{};
    Headers trailers{{"grpc-status", "0"}};  // none: the headers are all
    bool reset = false;                      // the stream, instead
  };

  explicit HealthServer(Answer answer) : answer_(std::move(answer)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;
  ~HealthServer() { nghttp2_session_del(session_); }

  // False: that is no HTTP/2.
  bool feed(std::span<const std::byte> data) {
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(data.data()), data.size()) >= 0;
  }
  std::string output() {
    std::string all;
    const std::uint8_t* data = nullptr;
    for (;;) {
      const auto count = nghttp2_session_mem_send(session_, &data);
      if (count <= 0) return all;
      all.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count));
    }
  }

  // Until the client leaves.
  evloop::Coro<void> serve(evloop::StreamReader& reader, evloop::StreamWriter& writer) {
    for (;;) {
      if (const auto more = output(); !more.empty()) writer.write(more);
      const auto data = co_await reader.read(4096);
      if (data.empty() || !feed(data)) break;
    }
    writer.close();
  }

  std::map<std::string, std::string> asked;  // the request's headers
  std::string request;                       // its body

 private:
  static HealthServer& of(void* self) { return *static_cast<HealthServer*>(self); }
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_length,
                       const std::uint8_t* value, std::size_t length, std::uint8_t, void* self) {
    of(self).asked[std::string(reinterpret_cast<const char*>(name), name_length)] =
        std::string(reinterpret_cast<const char*>(value), length);
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data, std::size_t length,
                     void* self) {
    of(self).request.append(reinterpret_cast<const char*>(data), length);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.stream_id != 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      of(self).answer(frame->hd.stream_id);
    return 0;
  }
  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* to, std::size_t most,
                           std::uint32_t* flags, nghttp2_data_source*, void* self) {
    auto& server = of(self);
    const auto count = std::min(most, server.answer_.body.size() - server.sent_);
    std::copy_n(server.answer_.body.data() + server.sent_, count, to);
    server.sent_ += count;
    if (server.sent_ == server.answer_.body.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto trailers = raw(server.answer_.trailers);
      nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
    }
    return static_cast<ssize_t>(count);
  }
  static std::vector<nghttp2_nv> raw(const Headers& headers) {
    std::vector<nghttp2_nv> all;
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    for (const auto& [name, value] : headers)
      all.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    return all;
  }
  void answer(std::int32_t stream) {
    if (answer_.reset) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
      return;
    }
    const nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = &read_body};
    const auto headers = raw(answer_.headers);
    nghttp2_submit_response(session_, stream, headers.data(), headers.size(),
                            answer_.trailers.empty() ? nullptr : &body);
  }

  nghttp2_session* session_ = nullptr;
  const Answer answer_;
  std::size_t sent_ = 0;
};

}  // namespace evloopd::workloads
