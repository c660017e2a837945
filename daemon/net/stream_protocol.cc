#include "net/stream_protocol.h"

#include <cerrno>

#include "aio/settled.h"
#include "base/log.h"
#include "net/os_error.h"
#include "net/start_tls.h"

namespace evloop {
namespace {

// Those who are cancelled already are left alone.
void wake_all(std::vector<Future<void>>& waiters, const std::exception_ptr& error) {
  for (const auto& waiter : std::exchange(waiters, {})) {
    if (waiter.done()) continue;
    if (error) {
      waiter.set_exception(error);
    } else {
      waiter.set_result();
    }
  }
}

// Waits in `waiters`, and leaves them however that ends.
Coro<void> wait_in(EventLoop& loop, Ref<StreamReaderProtocol> keep, std::vector<Future<void>>& waiters) {
  const auto waiter = loop.create_future();
  waiter.state()->set_wait_kind(WaitKind::stream);
  waiters.push_back(waiter);
  const auto ended = co_await settled(waiter);
  std::erase(waiters, waiter);
  if (!ended.has_value()) std::rethrow_exception(ended.error());
}

}  // namespace

// Serves one client. Keeps what its coroutine was given, and by it its function, until that has ended. asyncio adds a
// done callback to the task, to see how it ended; here it is not there before it is due.
class StreamReaderProtocol::ClientTask final : public TaskState<void> {
 public:
  ClientTask(EventLoop& loop, Coro<void> client, std::source_location created, TaskOptions&& options,
             Ref<StreamWriter> writer)
      : TaskState(loop, std::move(client), created, std::move(options)), writer_(std::move(writer)) {}
  ~ClientTask() override { abandon(); }

 private:
  void complete() override {
    const auto* const own = context();
    auto ended = [task = Ref<FutureBase>(this), writer = std::move(writer_)] {
      writer->protocol().client_ended(writer->transport(), *task);
    };
    TaskBase::loop().call_soon(in_context(own ? *own : Context(), std::move(ended)));
    TaskState::complete();
  }

  Ref<StreamWriter> writer_;
};

// The writer is gone by now; the reader may stay.
void StreamReaderProtocol::dispose() noexcept {
  StreamReader::set_transport(nullptr);
  client_connected_ = nullptr;
  extras_ = nullptr;
  StreamReader::release();
}

Ref<StreamWriter> StreamReaderProtocol::make_writer(Ref<Transport> transport) {
  if (StreamWriter::transport_) throw LoopError("the stream has a writer already");
  StreamWriter::transport_ = std::move(transport);
  add_ref();  // the writer's
  return Ref<StreamWriter>(this);
}

void StreamReaderProtocol::connection_made(Transport& transport) {
  replace_transport(transport);
  if (client_connected_) serve(transport);
}

void StreamReaderProtocol::replace_transport(Transport& transport) {
  StreamReader::set_transport(&transport);
  over_tls_ = transport.tls() != nullptr;
}

void StreamReaderProtocol::serve(Transport& transport) {
  auto writer = make_writer(Ref(&transport));
  Coro<void> client;
  try {
    client = client_connected_->call(*this, *writer);
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    return client_failed(transport, std::current_exception());
  }
  if (!client) return;
  auto& loop = StreamReader::loop();
  static_cast<void>(
      loop.create_task_as<ClientTask>(std::move(client), std::source_location::current(), std::move(writer)));
}

void StreamReaderProtocol::client_ended(Transport& transport, FutureBase& task) {
  if (task.cancelled()) {
    transport.close();
  } else if (auto error = task.exception()) {
    client_failed(transport, std::move(error));
  }
}

void StreamReaderProtocol::client_failed(Transport& transport, std::exception_ptr error) {
  ErrorContext context{.message = "Unhandled exception in client_connected_cb", .exception = std::move(error)};
  context.more["transport"] = transport.describe();
  StreamReader::loop().call_exception_handler(context);
  transport.close();
}

void StreamReaderProtocol::connection_lost(std::exception_ptr error) {
  lost_ = true;
  StreamReader::set_transport(nullptr);
  if (error) {
    StreamReader::set_exception(error);
  } else {
    StreamReader::feed_eof();
  }
  if (!error && !extras_) return;
  auto& extras = this->extras();
  extras.error = error;
  wake_all(extras.closings, error);
  wake_all(extras.drains, error);
}

StreamReaderProtocol::Extras& StreamReaderProtocol::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

bool StreamReaderProtocol::eof_received() {
  StreamReader::feed_eof();
  return !over_tls_;
}

void StreamReaderProtocol::resume_writing() {
  writing_paused_ = false;
  if (extras_) wake_all(extras_->drains, nullptr);
}

void StreamReaderProtocol::throw_lost() { throw OsError(ECONNRESET, "Connection lost"); }

Coro<void> StreamReaderProtocol::drain() {
  return wait_in(StreamReader::loop(), Ref<StreamReaderProtocol>(this), extras().drains);
}

Coro<void> StreamReaderProtocol::wait_closed() {
  if (!lost_)
    co_await wait_in(StreamReader::loop(), Ref<StreamReaderProtocol>(this), extras().closings);
  else if (extras_ && extras_->error)
    std::rethrow_exception(extras_->error);
}

// --- StreamWriter ---

void StreamWriter::dispose() noexcept {
  const auto transport = std::move(transport_);
  const auto owner = Ref<StreamReaderProtocol>::adopt(&protocol());
  if (transport->is_closing()) return;
  if (!transport->loop()) return log(LogLevel::warning, "loop is closed");
  log(LogLevel::warning, "unclosed <StreamWriter transport=" + transport->describe() + ">");
  transport->close();
}

Coro<void> StreamWriter::drain_slowly() {
  protocol().check_exception();
  // Lets connection_lost run: a task that only writes and drains would never see the connection end.
  if (transport_->is_closing()) co_await yield();
  if (protocol().must_drain()) co_await protocol().drain();
}

template <class Layer>
Coro<void> StreamWriter::upgrade(Layer layer) {
  const Ref<StreamWriter> self(this);
  co_await drain();
  transport_ = co_await evloop::start_tls(transport_, Ref(&protocol()), std::move(layer));
  protocol().replace_transport(*transport_);
}

Coro<void> StreamWriter::start_tls(TlsClient client) { return upgrade(std::move(client)); }
Coro<void> StreamWriter::start_tls(TlsServer server) { return upgrade(std::move(server)); }

Coro<void> StreamWriter::wait_closed() {
  const Ref<StreamWriter> self(this);
  co_await protocol().wait_closed();
}

}  // namespace evloop
