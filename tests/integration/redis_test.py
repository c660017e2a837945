"""Redis behind a proxy: a protocol of somebody else, clients of somebody else, and data that must be unharmed."""

import hashlib
import subprocess
import tempfile

import harness

CONFIG = """
version: 1
loops: [{{names: "io-{{index}}", count: 2}}]
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{{address: "127.0.0.1:{port}"}}]
metrics: {{enabled: false}}
"""


class Redis:
    """A redis-server of one's own, which keeps nothing."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="evloopd-redis-")
        self.port, = harness.free_ports(1)
        self.process = subprocess.Popen(
            [harness.need("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.folder.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self):
        return cli(self.port, "ping").stdout == "PONG\n"

    def close(self):
        self.process.terminate()
        self.process.wait(harness.PATIENCE)
        self.folder.cleanup()


def cli(port, *arguments, **options):
    return harness.run(harness.need("redis-cli"), "-h", "127.0.0.1", "-p", str(port), *arguments, **options)


class RedisBehindAProxy(harness.DaemonTest):
    def setUp(self):
        for attempt in range(5):
            redis = Redis()
            self.addCleanup(redis.close)
            # Somebody else may have taken the port; then it ends at once.
            harness.wait_until(lambda: redis.process.poll() is not None or redis.answers(), "redis answers")
            if redis.process.returncode is None:
                break
        self.redis = redis
        self.daemon = self.start(CONFIG.format(port=redis.port))
        self.port = self.daemon.port("front")

    def test_values_come_back_as_they_were_sent(self):
        for size in (1, 1000, 1_000_000, 5_000_000):
            value = (hashlib.sha256(str(size).encode()).hexdigest() * (size // 64 + 1))[:size]
            stored = cli(self.port, "-x", "set", f"key-{size}", input=value)
            self.assertEqual(stored.stdout, "OK\n")
            direct = cli(self.redis.port, "get", f"key-{size}").stdout
            proxied = cli(self.port, "get", f"key-{size}").stdout
            wanted = hashlib.sha256(f"{value}\n".encode()).hexdigest()
            self.assertEqual(hashlib.sha256(direct.encode()).hexdigest(), wanted, "what arrived")
            self.assertEqual(hashlib.sha256(proxied.encode()).hexdigest(), wanted, "what came back")

    def test_its_benchmark_runs_through_the_proxy(self):
        done = harness.run(harness.need("redis-benchmark"), "-h", "127.0.0.1", "-p", str(self.port), "-n", "4000", "-c",
                           "20", "-P", "4", "-d", "512", "-r", "500", "-t", "set,get,incr,lpush,lrange_100", "--csv")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("Error", done.stderr)
        counted = cli(self.redis.port, "dbsize").stdout
        self.assertGreater(int(counted), 0)
        front = self.daemon.ctl_json("workloads")["workloads"][0]
        self.assertEqual(int(front["connections_failed"]), 0)
        self.assertGreaterEqual(int(front["connections_total"]), 5 * 20)
        harness.wait_until(lambda: self.daemon.ctl_json("workloads")["workloads"][0]["connections_open"] == "0",
                           "all connections are gone")


if __name__ == "__main__":
    harness.main()
