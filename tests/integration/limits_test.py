"""Limits of listeners: who is over them waits to be accepted, and is neither refused nor reset."""

import urllib.request

import harness

CONFIG = """
version: 1
daemon: {{shutdown: {{drain: 0s}}}}
loops: {{names: "io-{{index}}", count: 2}}
workloads:
  - name: echo
    kind: tcp.echo
    listen: [{{address: "127.0.0.1:0", max_connections: {most}}}]
  - name: web
    kind: http.respond
    listen: [{{address: "127.0.0.1:0", accept_rate: 20}}]
metrics: {{address: "127.0.0.1:0"}}
"""


class Limits(harness.DaemonTest):
    def setUp(self):
        self.daemon = self.start(CONFIG.format(most=2))

    def listener(self, workload="echo"):
        return self.daemon.ctl_json("describe", f"workloads/{workload}")["listener_states"][0]

    def client(self):
        """One that says something at once. Whether it is served shows in its answer."""
        client = harness.connect(self.daemon.port("echo"))
        self.addCleanup(client.close)
        client.sendall(b"x")
        client.setblocking(False)
        return client

    def is_served(self, client):
        try:
            return client.recv(1) == b"x"
        except BlockingIOError:
            return False

    def one_of(self, clients):
        """Takes one that is served out of those that wait for that."""
        for client in clients:
            if self.is_served(client):
                clients.remove(client)
                return client
        return None

    def metric(self, name):
        address = f"http://127.0.0.1:{self.daemon.metrics_port()}/metrics"
        with urllib.request.urlopen(address, timeout=harness.PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + '{workload="echo"'))

    def test_whoever_is_over_the_limit_waits_until_a_client_leaves(self):
        waiting = [self.client() for _ in range(8)]
        served = []
        while waiting:
            while len(served) < 2:
                served.append(harness.wait_until(lambda: self.one_of(waiting), "another one is served"))
            if not waiting:
                break
            harness.wait_until(lambda: self.listener().get("waiting"), "the others wait")
            self.assertEqual(self.listener()["connections_open"], "2")
            self.assertIsNone(self.one_of(waiting))
            served.pop(0).close()
        address = self.listener()["address"]
        text = self.daemon.ctl("describe", "workloads/echo").stdout
        self.assertIn(f"{address}: 2 of 2 open\n", text)
        self.assertEqual(self.metric("evloopd_listener_max_connections"), 2)
        self.assertGreaterEqual(self.metric("evloopd_listener_suspended_total"), 1)

    def test_limits_are_changed_while_clients_wait(self):
        waiting = [self.client() for _ in range(4)]
        served = [harness.wait_until(lambda: self.one_of(waiting), "two are served") for _ in range(2)]
        harness.wait_until(lambda: self.listener().get("waiting"), "the others wait")
        spec = self.daemon.folder / "spec.yaml"
        spec.write_text(CONFIG.format(most=3).partition("workloads:\n")[2].partition("  - name: web")[0]
                        .replace("  - ", "", 1).replace("    ", ""))
        applied = self.daemon.ctl("apply", "-f", str(spec))
        self.assertIn("updated", applied.stdout)
        served.append(harness.wait_until(lambda: self.one_of(waiting), "a third is served"))
        harness.wait_until(lambda: self.listener().get("waiting"), "the fourth waits")
        for client in served:
            client.setblocking(True)
            client.sendall(b"y")
            self.assertEqual(harness.receive(client, 1), b"y")

    def test_the_daemon_ends_while_clients_wait(self):
        for _ in range(4):
            self.client()
        harness.wait_until(lambda: self.listener().get("waiting"), "two of them wait")
        self.assertEqual(self.daemon.stop(), 0)

    def test_more_than_a_second_allows_are_served_later(self):
        for _ in range(25):
            self.assertEqual(harness.http_get(self.daemon.port("web"))[0], 200)
        self.assertEqual(self.listener("web")["accept_rate"], 20)
        self.assertIn("at most 20 a second", self.daemon.ctl("describe", "workloads/web").stdout)


if __name__ == "__main__":
    harness.main()
