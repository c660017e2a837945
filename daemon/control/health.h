#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"

namespace evloopd::control {

// What serves and what does not, by service name; the empty one is the daemon. Any thread.
class Health {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  void set(const std::string& service, bool serving);
  // Unless somebody has set it before.
  void add(const std::string& service, bool serving);
  // Nobody shall wait any more.
  void close();

  // SERVICE_UNKNOWN for one that nobody has set.
  [[nodiscard]] Status get(const std::string& service) const;
  // Waits until it is another one than `last`. Nothing if `give_up` was true, which is asked once a second, or after
  // close().
  std::optional<Status> wait(const std::string& service, std::optional<Status> last,
                             const std::function<bool()>& give_up);

 private:
  [[nodiscard]] Status look_up(const std::string& service) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, bool> services_{{"", true}};  // guarded by mutex_
  bool closed_ = false;                               // guarded by mutex_
};

// The standard health service. Not gRPC's own, as that wakes the process four times a second, for nothing.
class HealthService final : public grpc::health::v1::Health::Service {
 public:
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;

  static constexpr std::size_t most_watchers = 16;  // as each holds a thread; the next is TOO_MANY_CALLS

  explicit HealthService(Health& health) : health_(health) {}

  grpc::Status Check(grpc::ServerContext* context, const Request* request, Response* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const Request* request,
                     grpc::ServerWriter<Response>* writer) override;

 private:
  Health& health_;
  std::atomic<std::size_t> watchers_{0};
};

}  // namespace evloopd::control
