// Coroutine constructs that some compilers get wrong without a warning. Exit status 0 when all are right, otherwise the
// number of the first wrong one (deploy/cmake/toolchain.cmake has the words). Needs nothing but the standard library.
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <expected>
#include <functional>
#include <string>
#include <utility>

namespace {

// Counts the objects alive: a double destruction makes it negative, a leak positive.
int alive = 0;

struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
};

template <typename T>
class Lazy {
 public:
  struct promise_type {
    T value{};
    std::coroutine_handle<> awaiter = std::noop_coroutine();

    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().awaiter;
      }
      void await_resume() noexcept {}
    };

    Lazy get_return_object() { return Lazy(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void return_value(T v) { value = std::move(v); }
    void unhandled_exception() { std::terminate(); }
  };

  Lazy(Lazy&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Lazy(const Lazy&) = delete;
  Lazy& operator=(Lazy) = delete;
  ~Lazy() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return std::move(handle_.promise().value); }

  T run() {
    handle_.resume();
    return std::move(handle_.promise().value);
  }

 private:
  explicit Lazy(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <typename F>
Lazy<int> call(F function) {
  co_return function();
}

Lazy<int> capturing_lambda() {
  Counted counted;
  co_return co_await call([counted] { return 7; });
}

struct Aggregate {
  Counted counted;
  int number;
};

Lazy<int> number_of(Aggregate aggregate) { co_return aggregate.number; }

Lazy<int> aggregate_temporary() { co_return co_await number_of(Aggregate{Counted{}, 7}); }

Lazy<int> one() { co_return 1; }

Lazy<int> switch_on_await() {
  switch (co_await one()) {
    case 1: co_return 7;
    default: co_return 8;
  }
}

Lazy<std::string> text(const char* value) { co_return std::string(value) + ", long enough to live on the heap"; }

Lazy<int> conditional(bool first) {
  const std::string chosen = first ? co_await text("first") : co_await text("second");
  co_return chosen.starts_with("first") ? 7 : 8;
}

// Overflows the stack when symmetric transfer is not a tail call.
Lazy<int> many_ready_awaits() {
  int sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum += co_await one();
  co_return sum == 1'000'000 ? 7 : 8;
}

// Fails the probe by `construct`'s number unless `result` is right and every object was destroyed exactly once.
void expect_seven(int construct, int result) {
  if (result != 7 || alive != 0) std::exit(construct);
}

}  // namespace

int main() {
  std::move_only_function<std::expected<int, std::string>()> library_is_new_enough = [] { return 7; };
  expect_seven(1, capturing_lambda().run());
  expect_seven(2, aggregate_temporary().run());
  expect_seven(3, switch_on_await().run());
  expect_seven(4, conditional(true).run());
  expect_seven(5, many_ready_awaits().run());
  return library_is_new_enough().value() == 7 ? 0 : 6;
}
