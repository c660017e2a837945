#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace evloopd::workloads {

// One call of the standard gRPC health service on an HTTP/2 connection of its own, as bytes: what is to be sent, and
// what has come. No input and output of its own. nghttp2 does HTTP/2. Any one thread.
class HealthCall {
 public:
  struct Options {
    std::string service{};  // empty: the server as a whole
    std::string authority{};
    bool tls = false;                      // says the scheme
    std::chrono::milliseconds timeout{1};  // told to the server
  };
  explicit HealthCall(const Options& options);
  HealthCall(const HealthCall&) = delete;
  HealthCall& operator=(const HealthCall&) = delete;
  ~HealthCall();

  // What is to be sent now.
  [[nodiscard]] std::string output();
  // Throws ValueError if this is no HTTP/2, or more than an answer takes.
  void feed(std::span<const std::byte> data);
  // The answer is there, or will not come.
  [[nodiscard]] bool is_over() const noexcept;
  // What speaks for the service, "SERVING"; throws ValueError with what speaks against it.
  [[nodiscard]] std::string verdict() const;

 private:
  struct Nghttp2;  // its session, and what has come of the answer; its headers stay out of this one

  const std::unique_ptr<Nghttp2> http2_;
};

}  // namespace evloopd::workloads
