"""What Prometheus gets: a scrape that its own checker has nothing to say about, and answers to its queries."""

import json
import re
import subprocess
import urllib.parse

import harness

CONFIG = """
version: 1
daemon: {name: edge-a, shutdown: {drain: 5s}}
loops: [{names: "io-{index}", count: 2}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {address: "127.0.0.1:0"}
"""


class Metrics(harness.DaemonTest):
    def setUp(self):
        self.daemon = self.start(CONFIG)
        self.port = self.daemon.metrics_port()

    def scrape(self):
        status, text = harness.http_get(self.port, "/metrics")
        self.assertEqual(status, 200)
        return text

    def value(self, series):
        found = re.search(rf"(?m)^{re.escape(series)} (\S+)$", self.scrape())
        self.assertIsNotNone(found, series)
        return float(found[1])

    def test_promtool_has_nothing_to_say(self):
        checked = harness.run(harness.need("promtool"), "check", "metrics", input=self.scrape())
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_a_scrape_tells_of_loops_workloads_and_the_process(self):
        with harness.connect(self.daemon.port("echo")) as connection:
            connection.sendall(b"12345")
            self.assertEqual(harness.receive(connection, 5), b"12345")
            self.assertEqual(self.value('evloopd_workload_connections_open{workload="echo"}'), 1)
        self.assertEqual(self.value('evloopd_workload_connections_total{workload="echo"}'), 1)
        harness.wait_until(lambda: self.value('evloopd_workload_transferred_bytes_total{workload="echo",direction="in"}')
                           == 5, "the bytes are counted")
        self.assertEqual(self.value('evloopd_loop_state{loop="io-0",state="RUNNING"}'), 1)
        self.assertGreater(self.value('evloopd_loop_iterations_total{loop="io-1"}'), 0)
        self.assertGreater(self.value("process_open_fds"), 10)
        self.assertIn("evloopd_build_info{", self.scrape())

    def test_a_loop_that_stopped_is_still_told_of(self):
        self.assertEqual(self.daemon.ctl("stop", "io-0").returncode, 0)
        self.assertEqual(self.value('evloopd_loop_state{loop="io-0",state="STOPPED"}'), 1)
        self.assertEqual(self.value('evloopd_loop_state{loop="io-0",state="RUNNING"}'), 0)

    def test_prometheus_answers_queries_about_loops(self):
        prometheus = self.start_prometheus()
        up = prometheus.wait_for('up{job="evloopd"}', lambda result: result and result[0]["value"][1] == "1")
        self.assertEqual(up[0]["metric"]["instance"], f"127.0.0.1:{self.port}")
        running = 'sum by (loop) (evloopd_loop_state{state="RUNNING"})'
        result = prometheus.wait_for(running, lambda result: len(result) == 2)
        self.assertEqual({r["metric"]["loop"]: r["value"][1] for r in result}, {"io-0": "1", "io-1": "1"})

        self.assertEqual(self.daemon.ctl("stop", "io-1").returncode, 0)
        result = prometheus.wait_for(f"{running} == 0", lambda result: len(result) == 1)
        self.assertEqual(result[0]["metric"]["loop"], "io-1")
        quantile = "histogram_quantile(0.99, sum by (le) (evloopd_loop_callback_duration_seconds_bucket))"
        self.assertGreater(float(prometheus.wait_for(quantile, bool)[0]["value"][1]), 0)

    def start_prometheus(self):
        for attempt in range(5):
            prometheus = Prometheus(self.daemon.folder / f"prometheus-{attempt}", self.port)
            self.addCleanup(prometheus.close)
            # It cannot take port 0, and somebody else may have taken the one that was free.
            harness.wait_until(lambda: prometheus.ended() or prometheus.ready(), "Prometheus is ready")
            if not prometheus.ended():
                return prometheus
        raise AssertionError(f"Prometheus does not run:\n{prometheus.log()}")


class Prometheus:
    """The real one, scraping a port five times a second."""

    def __init__(self, folder, target):
        folder.mkdir()
        self.port, = harness.free_ports(1)
        config = folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "evloopd", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]}))
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [harness.need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log, env=harness.environment())

    def log(self):
        return self._log.read_text()

    def ended(self):
        return self.process.poll() is not None

    def ready(self):
        try:
            return harness.http_get(self.port, "/-/ready")[0] == 200
        except OSError:
            return False

    def query(self, expression):
        status, text = harness.http_get(self.port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(text)
        if status != 200 or answer["status"] != "success":
            raise AssertionError(text)
        return answer["data"]["result"]

    def wait_for(self, expression, accept):
        def ask():
            result = self.query(expression)
            return result if accept(result) else None
        return harness.wait_until(ask, f"an answer to {expression}")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(harness.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    harness.main()
