#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// The messages of grpc.health.v1.Health/Check, one field each, framed as gRPC sends them. By hand: protobuf stays out
// of the workloads.
namespace evloopd::workloads {

// HealthCheckResponse.ServingStatus; other numbers may come.
enum class ServingStatus : std::uint32_t { unknown = 0, serving = 1, not_serving = 2, service_unknown = 3 };
[[nodiscard]] std::string status_name(ServingStatus status);  // "NOT_SERVING"

// A HealthCheckRequest about a service.
[[nodiscard]] std::string health_request(std::string_view service);

// What an answer's whole body says. Throws ValueError for one that is no HealthCheckResponse.
inline constexpr std::size_t most_health_response = 4096;
[[nodiscard]] ServingStatus parse_health_response(std::string_view body);

}  // namespace evloopd::workloads
