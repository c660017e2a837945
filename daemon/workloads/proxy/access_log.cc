#include "workloads/proxy/access_log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <cerrno>
#include <system_error>

#include "host/signals_blocked.h"

namespace evloopd::workloads {

class AccessLog::Writer {
 public:
  explicit Writer(const std::string& path) {
    const host::SignalsBlocked blocked;  // they are for the main thread
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    pool_ = std::make_shared<spdlog::details::thread_pool>(2 * most_batches, 1);
    logger_ = std::make_shared<spdlog::async_logger>("access", std::move(sink), pool_,
                                                     spdlog::async_overflow_policy::overrun_oldest);
    logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, ""));
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(spdlog::level::trace);
    logger_->set_error_handler([](const std::string&) {});  // a full disk is seen by those who watch the disk
  }
  [[nodiscard]] bool is_full() const { return pool_->queue_size() >= most_batches; }
  void write(const std::string& lines) { logger_->info(spdlog::string_view_t(lines)); }

 private:
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;  // goes first: the pool writes what it still has
};

AccessLog::AccessLog(const std::string& path) {
  try {
    writer_ = std::make_unique<Writer>(path);
  } catch (const spdlog::spdlog_ex& error) {
    throw std::system_error(errno, std::generic_category(), error.what());
  }
}

AccessLog::~AccessLog() = default;

void AccessLog::write(const std::string& lines, std::size_t count) noexcept {
  try {
    if (!writer_->is_full()) return writer_->write(lines);
  } catch (...) {
    // Nor may a line that cannot be written take the loop along.
  }
  dropped_.fetch_add(count, std::memory_order_relaxed);
}

}  // namespace evloopd::workloads
