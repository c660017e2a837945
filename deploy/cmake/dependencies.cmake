# Everything taken from Debian, in one place (the package names are in deploy/packages). Imported targets are visible
# only in the directory that found them and below, so folders never call find_package themselves.
#
#   everywhere        Threads::Threads; the library, base, aio and net, needs nothing else
#   the daemon        fmt::fmt spdlog::spdlog
#   net/tls           OpenSSL::SSL
#   workloads         llhttp (compiled here) PkgConfig::cares PkgConfig::nghttp2
#   metrics           prometheus-cpp::core
#   settings          yaml-cpp
#   proto, control, ctl, app    protobuf::libprotobuf gRPC::grpc++ gRPC::grpc++_reflection nlohmann_json::nlohmann_json
#                               CLI11::CLI11 PkgConfig::systemd
#   tests             GTest::gtest_main GTest::gmock; tests/bench: benchmark::benchmark asio PkgConfig::uv
#                     PkgConfig::event

set(CMAKE_FIND_PACKAGE_PREFER_CONFIG ON)

find_package(Threads REQUIRED)
if(EVLOOP_TLS)
  find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL)
endif()
if(EVLOOPD_DAEMON OR EVLOOPD_TESTS)
  find_package(PkgConfig REQUIRED)
  find_package(nlohmann_json REQUIRED)
endif()

if(EVLOOPD_DAEMON)
  find_package(fmt REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(yaml-cpp REQUIRED)
  find_package(prometheus-cpp REQUIRED)
  pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
  pkg_check_modules(nghttp2 REQUIRED IMPORTED_TARGET libnghttp2)
  # yaml-cpp 0.7 exports a bare target without a namespace.
  if(NOT TARGET yaml-cpp::yaml-cpp)
    add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
  endif()
endif()

if(EVLOOPD_CONTROL)
  find_package(Protobuf MODULE REQUIRED)  # the module brings protobuf_generate(); Debian has no config file
  find_package(gRPC REQUIRED)
  find_package(CLI11 REQUIRED)
  pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
endif()

if(EVLOOPD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
  pkg_check_modules(uv REQUIRED IMPORTED_TARGET libuv)
  pkg_check_modules(event REQUIRED IMPORTED_TARGET libevent)
  find_path(EVLOOPD_ASIO_INCLUDE_DIR asio.hpp REQUIRED)
  mark_as_advanced(EVLOOPD_ASIO_INCLUDE_DIR)
  add_library(asio INTERFACE)
  target_include_directories(asio SYSTEM INTERFACE ${EVLOOPD_ASIO_INCLUDE_DIR})
  target_compile_definitions(asio INTERFACE ASIO_STANDALONE)
  target_link_libraries(asio INTERFACE Threads::Threads)
endif()

if(EVLOOPD_DAEMON)
  # llhttp, node's HTTP/1 parser: Debian has it as C sources only, in the package node-llhttp.
  find_path(EVLOOPD_LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
  find_path(EVLOOPD_LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp REQUIRED)
  mark_as_advanced(EVLOOPD_LLHTTP_INCLUDE_DIR EVLOOPD_LLHTTP_SOURCE_DIR)
  add_library(llhttp STATIC EXCLUDE_FROM_ALL
    ${EVLOOPD_LLHTTP_SOURCE_DIR}/llhttp.c ${EVLOOPD_LLHTTP_SOURCE_DIR}/api.c ${EVLOOPD_LLHTTP_SOURCE_DIR}/http.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${EVLOOPD_LLHTTP_INCLUDE_DIR})
  target_compile_options(llhttp PRIVATE -w)
  # A server must not accept what another hop would read differently: no spaces in header names and the like.
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
endif()
