"""Faults of a proxy that are switched on for a time: by the API and by the command line."""

import http.client
import pathlib
import re
import tempfile
import urllib.request

import grpc

import harness
import reflection

CONFIG = """
version: 1
loops: {{names: "io-{{index}}", count: 2}}
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{{address: "unix:{upstream}"}}]
    {more}
  - {{name: web, kind: http.respond, listen: [{{address: "unix:{upstream}"}}], body: the web}}
metrics: {{address: "127.0.0.1:0"}}
"""


class Faults(harness.DaemonTest):
    def setUp(self):
        self.upstream = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "web.sock")

    def begin(self, more=""):
        self.daemon = self.start(CONFIG.format(upstream=self.upstream, more=more))
        self.port = self.daemon.port("front")

    def client(self, path):
        client = reflection.Client(path)
        self.addCleanup(client.close)
        return client

    def faults(self):
        return self.daemon.ctl_json("faults", "front")

    def metric(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.metrics_port()}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return int(re.search(r'^evloopd_workload_faulted_connections_total\{workload="front"\} (\d+)', text, re.M)[1])

    def is_served(self):
        self.assertEqual(harness.http_get(self.port), (200, "the web"))

    def is_reset(self):
        with self.assertRaises(ConnectionResetError):
            harness.http_get(self.port)

    def test_they_are_gone_by_themselves_when_their_time_is_over(self):
        self.begin()
        self.is_served()
        self.assertEqual(self.metric(), 0)
        self.assertEqual(self.daemon.ctl("faults", "front").stdout, "none\n")
        done = self.daemon.ctl("faults", "front", "--latency", "20ms", "--jitter", "5ms", "--for", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("latency 20.0ms, jitter 5.00ms; 100% of the connections, both ways\nuntil ", done.stdout)
        harness.wait_until(lambda: "expire_time" not in self.faults(), "they have expired")
        self.assertNotIn("in_force", self.faults())
        self.assertIn("Faults:        none\n", self.daemon.ctl("describe", "workloads/front").stdout)
        self.assertIn("workload front: faults are set for 1 s: latency 0.02 s, jitter 0.005 s;", self.daemon.log())
        harness.wait_until(lambda: "workload front: the time of the faults is over" in self.daemon.log(), "the log")
        self.is_served()

    def test_new_connections_have_them_and_open_ones_do_not(self):
        self.begin()
        before = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.PATIENCE)
        self.addCleanup(before.close)
        for _ in range(2):
            before.request("GET", "/")
            self.assertEqual(before.getresponse().read(), b"the web")
            self.daemon.ctl("faults", "front", "--reset-bytes", "7B", "--direction", "to_client", "--for", "1h")
        described = self.daemon.ctl("describe", "workloads/front").stdout
        self.assertIn("Faults:        reset after 7B; 100% of the connections, to clients\n", described)
        self.is_reset()
        self.assertEqual(self.faults()["connections_total"], "1")
        self.assertEqual(self.metric(), 1)
        self.assertEqual(self.daemon.ctl("faults", "front", "--off").stdout, "none\n1 connection touched\n")
        self.is_served()
        ends = {end["reason"]: end["count"] for end in self.daemon.ctl_json("describe", "workloads/front")["ends"]}
        self.assertEqual(ends["fault_reset"], "1")

    def test_slow_ones_harm_no_answer(self):
        self.begin()
        done = self.daemon.ctl("faults", "front", "--latency", "5ms", "--jitter", "5ms", "--bandwidth", "64KiB",
                               "--slice-size", "7B", "--slice-delay", "1ms", "--seed", "7", "--for", "1h")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.is_served()
        self.assertEqual(self.metric(), 1)

    def test_configured_ones_give_way_and_come_back(self):
        self.begin("faults: {reset: {bytes: 7B}, direction: to_client}")
        self.is_reset()
        self.assertNotIn("expire_time", self.faults())
        self.daemon.ctl("faults", "front", "--off", "--for", "1h")
        self.is_served()
        self.daemon.ctl("faults", "front", "--off")
        self.is_reset()

    def test_configured_ones_are_applied_in_place(self):
        self.begin()
        spec = (f'{{name: front, kind: tcp.proxy, listen: [{{address: "127.0.0.1:0"}}], '
                f'upstreams: [{{address: "unix:{self.upstream}"}}], faults: {{reset: {{bytes: 7B}}}}}}')
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "front.yaml")
            file.write_text(spec)
            self.assertIn("workloads/front updated", self.daemon.ctl("apply", "-f", file).stdout)
        self.is_reset()

    def test_wrong_values_are_refused_by_the_name_of_their_field(self):
        self.begin()
        fail = lambda *more: self.ctl_fails(self.daemon, 2, "faults", "front", *more)["metadata"]["field"]
        self.assertEqual(fail("--latency", "20ms", "--for", "999ms"), "ttl")
        self.assertEqual(fail("--latency", "20ms", "--for", "25h"), "ttl")
        self.assertEqual(fail("--latency", "2h", "--for", "5m"), "faults.latency")
        self.assertEqual(fail("--latency", "2ms", "--jitter", "3ms", "--for", "5m"), "faults.jitter")
        self.assertEqual(fail("--blackhole", "--percent", "101", "--for", "5m"), "faults.percent")
        self.assertEqual(fail("--bandwidth", "2GiB", "--for", "5m"), "faults.bandwidth")
        self.assertNotIn("in_force", self.faults(), "nothing is changed")
        self.ctl_fails(self.daemon, 4, "faults", "web")
        self.ctl_fails(self.daemon, 3, "faults", "nobody")
        admin = self.client(self.daemon.admin)
        with self.assertRaises(grpc.RpcError) as caught:
            admin.call("WorkloadService", "SetFaults", name="workloads/front", faults={"blackhole": True})
        self.assertEqual(admin.error_info(caught.exception).metadata["field"], "ttl", "which is required")

    def test_observers_may_see_them_only(self):
        self.begin()
        seen = self.daemon.ctl("faults", "front", socket_path=self.daemon.observe)
        self.assertEqual(seen.stdout, "none\n")
        error = self.ctl_fails(self.daemon, 7, "faults", "front", "--blackhole", "--for", "5m",
                               socket_path=self.daemon.observe)
        self.assertEqual(error["reason"], "ROLE_TOO_LOW")
        self.assertEqual(error["metadata"]["needed_role"], "admin")


if __name__ == "__main__":
    harness.main()
