#include "control/health.h"

#include <fmt/format.h>
#include <grpcpp/server_context.h>

#include <chrono>

#include "control/errors.h"

namespace evloopd::control {
namespace {

constexpr std::chrono::seconds poll_interval{1};  // of whether a watcher is still there

// Counts a watcher as long as it lives.
class Watcher {
 public:
  explicit Watcher(std::atomic<std::size_t>& count) : count_(count), before_(count.fetch_add(1)) {}
  ~Watcher() { --count_; }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  [[nodiscard]] std::size_t before() const noexcept { return before_; }

 private:
  std::atomic<std::size_t>& count_;
  const std::size_t before_;
};

}  // namespace

// --- Health ---

void Health::set(const std::string& service, bool serving) {
  const std::lock_guard lock(mutex_);
  services_.insert_or_assign(service, serving);
  changed_.notify_all();
}

void Health::add(const std::string& service, bool serving) {
  const std::lock_guard lock(mutex_);
  services_.try_emplace(service, serving);
  changed_.notify_all();
}

void Health::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

Health::Status Health::get(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  return look_up(service);
}

std::optional<Health::Status> Health::wait(const std::string& service, std::optional<Status> last,
                                           const std::function<bool()>& give_up) {
  std::unique_lock lock(mutex_);
  const auto has_changed = [&] { return closed_ || look_up(service) != last; };
  while (!changed_.wait_for(lock, poll_interval, has_changed))
    if (give_up()) return std::nullopt;
  if (closed_) return std::nullopt;
  return look_up(service);
}

Health::Status Health::look_up(const std::string& service) const {
  using Response = grpc::health::v1::HealthCheckResponse;
  const auto found = services_.find(service);
  if (found == services_.end()) return Response::SERVICE_UNKNOWN;
  return found->second ? Response::SERVING : Response::NOT_SERVING;
}

// --- HealthService ---

grpc::Status HealthService::Check(grpc::ServerContext*, const Request* request, Response* response) {
  const auto status = health_.get(request->service());
  if (status == Response::SERVICE_UNKNOWN) return {grpc::StatusCode::NOT_FOUND, "unknown service"};
  response->set_status(status);
  return grpc::Status::OK;
}

grpc::Status HealthService::Watch(grpc::ServerContext* context, const Request* request,
                                  grpc::ServerWriter<Response>* writer) {
  const Watcher watcher(watchers_);
  if (watcher.before() >= most_watchers)
    return make_status(grpc::StatusCode::RESOURCE_EXHAUSTED, reasons::too_many_calls,
                       fmt::format("{} watch the health already, which is the most that may", most_watchers),
                       {{"method", "Watch"}, {"resource", request->service()}});
  std::optional<Health::Status> last;
  while ((last = health_.wait(request->service(), last, [&] { return context->IsCancelled(); }))) {
    Response response;
    response.set_status(*last);
    if (!writer->Write(response)) break;
  }
  return {grpc::StatusCode::CANCELLED, "the watch has ended"};
}

}  // namespace evloopd::control
