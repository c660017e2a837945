#pragma once

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "net/protocol.h"
#include "net/stream_reader.h"
#include "net/stream_writer.h"
#include "net/transport.h"

namespace evloop {

// What a stream server calls for each connection, shared by all of them. Counts its references, plainly.
class ClientConnected {
 public:
  ClientConnected() = default;
  ClientConnected(const ClientConnected&) = delete;
  ClientConnected& operator=(const ClientConnected&) = delete;
  virtual ~ClientConnected() = default;

  // A coroutine that is to become a task, or an empty one if it was a plain function (STREAM-01).
  virtual Coro<void> call(StreamReader& reader, StreamWriter& writer) = 0;

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  std::uint32_t references_ = 0;
};

// `function(reader, writer)`, a coroutine function or a plain one. Reader and writer live until the coroutine has
// ended; to keep them longer, take a Ref.
template <class F>
[[nodiscard]] Ref<ClientConnected> make_client_connected(F function) {
  class Call final : public ClientConnected {
   public:
    explicit Call(F f) : function_(std::move(f)) {}
    Coro<void> call(StreamReader& reader, StreamWriter& writer) override {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, StreamReader&, StreamWriter&>>) {
        function_(reader, writer);
        return {};
      } else {
        return function_(reader, writer);
      }
    }

   private:
    F function_;
  };
  return Ref<ClientConnected>(new Call(std::move(function)));
}

// asyncio's StreamReaderProtocol: feeds a StreamReader, and knows what drain() and wait_closed() wait for. The
// transport and the writer own it. Loop thread only.
//
// asyncio's three objects of a stream are one piece of memory here, as a server has ten thousand of them: reader and
// writer are parts of this, each with its own count of references. The reader may outlive the rest.
class StreamReaderProtocol final : public BufferedProtocol, private StreamReader, private StreamWriter {
 public:
  using BufferedProtocol::add_ref;
  using BufferedProtocol::release;
  using BufferedProtocol::operator new;
  using BufferedProtocol::operator delete;

  // `limit`: the reader's. `client_connected`: of a server, else null. Throws ValueError if the limit is 0 (STREAM-03).
  explicit StreamReaderProtocol(EventLoop& loop, std::size_t limit = default_stream_limit,
                                Ref<ClientConnected> client_connected = nullptr)
      : StreamReader(loop, limit, Part{}), client_connected_(std::move(client_connected)) {
    StreamReader::add_ref();  // the protocol's, until nobody holds that
  }

  void connection_made(Transport& transport) override;
  void connection_lost(std::exception_ptr error) override;
  // The transport receives right into the reader.
  std::span<std::byte> get_buffer(std::ptrdiff_t) override { return StreamReader::space(); }
  void buffer_updated(std::size_t count) override { StreamReader::arrived(count); }
  // Keeps the connection open for writing, except over TLS (STREAM-18).
  bool eof_received() override;
  void pause_writing() override { writing_paused_ = true; }
  void resume_writing() override;

  [[nodiscard]] StreamReader& reader() noexcept { return *this; }
  // The writing side of `transport`. Throws LoopError while somebody holds one.
  [[nodiscard]] Ref<StreamWriter> make_writer(Ref<Transport> transport);
  // Goes on with another one: connection_made is not called again (STREAM-19).
  void replace_transport(Transport& transport);

  // Throws if the connection is lost; answers whether there is something to wait for.
  [[nodiscard]] bool must_drain() const {
    if (lost_) [[unlikely]]
      throw_lost();
    return writing_paused_;
  }
  // Waits until writing is resumed, or the connection is lost.
  Coro<void> drain();
  Coro<void> wait_closed();

 private:
  friend class StreamReader;
  friend class StreamWriter;
  class ClientTask;
  using Waiters = std::vector<Future<void>>;
  // What few have: those that somebody waits for, or whose connection failed.
  struct Extras {
    Waiters drains;    // who waits in drain()
    Waiters closings;  // ... and in wait_closed()
    std::exception_ptr error;
  };

  void dispose() noexcept override;
  [[noreturn]] static void throw_lost();
  [[nodiscard]] Extras& extras();
  void serve(Transport& transport);
  void client_ended(Transport& transport, FutureBase& task);
  void client_failed(Transport& transport, std::exception_ptr error);

  bool writing_paused_ = false;
  bool lost_ = false;
  bool over_tls_ = false;
  Ref<ClientConnected> client_connected_;  // what runs for a client is its, too
  std::unique_ptr<Extras> extras_;
};

inline StreamReaderProtocol& StreamWriter::protocol() noexcept { return static_cast<StreamReaderProtocol&>(*this); }

inline bool StreamWriter::drained() const {
  const auto& protocol = static_cast<const StreamReaderProtocol&>(*this);
  return !protocol.has_failed() && !transport_->is_closing() && !protocol.must_drain();
}

}  // namespace evloop
