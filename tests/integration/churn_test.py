"""Everything that can be changed while the daemon runs is changed, again and again, under wrk and redis-benchmark.

EVLOOPD_CHURN_SECONDS says for how long; a few seconds by default.
"""

import os
import re
import subprocess
import threading
import time

import harness
from redis_test import Redis

SECONDS = float(os.environ.get("EVLOOPD_CHURN_SECONDS", "5"))
CLIENTS = 8  # of wrk

UPSTREAM = """
version: 1
loops: [{names: io, count: 1}]
workloads: [{name: web, kind: http.respond, listen: [{address: "127.0.0.1:0"}], body: far}]
metrics: {enabled: false}
"""

CONFIG = """
version: 1
loops:
  - {{names: "io-{{index}}", count: 2}}
  - {{names: "near-{{index}}", count: 1}}
workloads:
  - {{name: near, kind: http.respond, loops: [near-0], listen: [{{address: "127.0.0.1:0"}}], body: near}}
  - name: redis
    kind: tcp.proxy
    loops: [io-0, io-1]
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{{address: "127.0.0.1:{redis}"}}]
metrics: {{address: "127.0.0.1:0"}}
"""

FRONT = """
name: front
kind: tcp.proxy
loops: [io-0, io-1]
listen: [{{address: "127.0.0.1:{port}"}}]
upstreams: [{upstreams}]
timeouts: {{lifetime: {lifetime}s}}
"""


class Wrk:
    """Asks for all it can get, with a connection for each request, until it is told to stop."""

    def __init__(self, port, seconds):
        self._process = subprocess.Popen(
            [harness.need("wrk"), "-t1", f"-c{CLIENTS}", f"-d{int(seconds) + 1}s", "--timeout", f"{harness.PATIENCE}s",
             "-H", "Connection: close", f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True)

    def running(self):
        return self._process.poll() is None

    def end(self):
        """Requests that were answered, and those that failed."""
        text, _ = self._process.communicate(timeout=harness.PATIENCE)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        failed = sum(map(int, errors.groups())) if errors else 0
        return int(re.search(r"(\d+) requests in", text)[1]), failed + (int(refused[1]) if refused else 0)


class RedisLoad(threading.Thread):
    """Runs redis-benchmark again and again, with a connection for each request."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.runs = 0
        self.errors = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set() and not self.errors:
            done = harness.run(harness.need("redis-benchmark"), "-h", "127.0.0.1", "-p", str(self.port), "-n", "300",
                               "-c", "4", "-k", "0", "-t", "set,get", "--csv")
            self.runs += 1
            if done.returncode != 0 or "rror" in done.stdout + done.stderr:
                self.errors.append(done.stdout + done.stderr)


class Churn(harness.DaemonTest):
    def setUp(self):
        redis = Redis()
        self.addCleanup(redis.close)
        harness.wait_until(redis.answers, "redis answers")
        self.far = self.start(UPSTREAM)
        self.daemon = self.start(CONFIG.format(redis=redis.port))
        self.port = 0
        self.applied = 0
        self.apply_front()
        self.port = int(self.daemon.ctl_json("describe", "workloads/front")["listeners"][0].rpartition(":")[2])

    def must(self, *arguments):
        result = self.daemon.ctl(*arguments)
        self.assertEqual(result.returncode, 0, f"{arguments}: {result.stdout}{result.stderr}")

    def apply(self, text):
        file = self.daemon.folder / "spec.yaml"
        file.write_text(text)
        self.must("apply", "-f", str(file))

    def apply_front(self):
        """Another generation each time."""
        self.applied += 1
        upstreams = ", ".join(f'{{address: "127.0.0.1:{daemon.port(name)}"}}'
                              for daemon, name in ((self.daemon, "near"), (self.far, "web")))
        self.apply(FRONT.format(port=self.port, upstreams=upstreams, lifetime=1000 + self.applied))

    def loops(self):
        """Each is stopped, drained, closed and made anew in turn."""
        while True:
            for loop in ("io-0", "io-1"):
                yield lambda name=loop: (self.must("stop", name), self.must("start", name))
                yield lambda name=loop: (self.must("drain", name), self.must("start", name))
                yield lambda name=loop: (self.must("drain", name), self.must("close", name), self.must("rm", name),
                                         self.must("create", name), self.must("start", name))

    def listeners(self):
        """One comes and goes, and the front begins anew."""
        while True:
            yield lambda: self.apply('name: extra\nkind: tcp.echo\nlisten: [{address: "127.0.0.1:0"}]\n')
            yield self.apply_front
            yield lambda: self.must("rm", "workloads/extra")

    def churn(self, *changes, seconds=SECONDS):
        """Makes the changes in turn for so long, under load. Answers how many requests failed, and of how many."""
        wrk = Wrk(self.port, seconds)
        redis = RedisLoad(self.daemon.port("redis"))
        redis.start()
        try:
            end = time.monotonic() + seconds
            rounds = 0
            while time.monotonic() < end or rounds < len(changes):
                next(changes[rounds % len(changes)])()
                rounds += 1
        finally:
            redis.over.set()
            redis.join()
            answered, failed = wrk.end()
        self.assertEqual(redis.errors, [])
        print(f"{rounds} changes, {answered} requests answered, {failed} failed; redis-benchmark ran {redis.runs} times")
        self.assertGreater(answered, 0)
        self.assertGreater(redis.runs, 0)
        return failed

    def test_no_request_fails_while_loops_and_listeners_come_and_go(self):
        self.assertEqual(self.churn(self.loops(), self.listeners()), 0)

    def test_a_crash_of_an_upstream_fails_those_in_flight_on_it_at_most(self):
        crashes = 0

        def crash():
            nonlocal crashes
            while True:
                crashes += 1
                yield lambda: (self.far.process.kill(), self.far.process.wait(), self.far.start(), self.apply_front())

        failed = self.churn(crash(), self.listeners())
        self.assertLessEqual(failed, crashes * CLIENTS)


if __name__ == "__main__":
    harness.main()
