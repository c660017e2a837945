"""udp.relay: datagrams between many clients and upstreams, while loops stop and start and workloads change."""

import contextlib
import re
import selectors
import socket
import threading
import time
import urllib.request
import zlib

import harness

CONFIG = """
version: 1
daemon: {{shutdown: {{drain: 0s}}}}
loops: {{names: "io-{{index}}", count: 2}}
workloads:
  - name: relay
    kind: udp.relay
    listen: [{{address: "127.0.0.1:{port}"}}]
    upstreams: [{upstreams}]
    {more}
metrics: {{address: "127.0.0.1:0"}}
"""


def udp():
    """A socket with a port of its own."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    opened.settimeout(harness.PATIENCE)
    return opened


def seal(text):
    return b"%08x %s" % (zlib.crc32(text), text)


def unseal(datagram):
    """What was sealed; fails if a byte of it is another one."""
    checksum, _, text = datagram.partition(b" ")
    if int(checksum, 16) != zlib.crc32(text):
        raise AssertionError(f"a damaged datagram: {datagram[:100]}")
    return text


class Upstream:
    """Answers each sealed datagram with its text twice, sealed, and remembers from how many sockets they came."""

    def __init__(self):
        self.socket = udp()
        self.port = self.socket.getsockname()[1]
        self.peers = set()
        self.damaged = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            datagram, peer = self.socket.recvfrom(65536)
            if datagram == b"end":
                return
            try:
                text = unseal(datagram)
            except AssertionError as error:
                self.damaged.append(error)
                continue
            self.peers.add(peer)
            self.socket.sendto(seal(text + b"|" + text), peer)

    def close(self):
        with udp() as last:
            last.sendto(b"end", ("127.0.0.1", self.port))
        self._thread.join()
        self.socket.close()


class Client:
    """Asks one question after the other, and each again when no answer comes, as clients of UDP do."""

    def __init__(self, number, port, questions):
        self.socket = udp()
        self.socket.setblocking(False)
        self.socket.connect(("127.0.0.1", port))
        self.number, self.questions = number, questions
        self.asked = 0
        self.sent_at = 0.0

    def is_done(self):
        return self.asked == self.questions

    def question(self):
        return b"%d/%d " % (self.number, self.asked) + b"x" * (self.number * 13 + self.asked)

    def ask(self):
        self.sent_at = time.monotonic()
        with contextlib.suppress(ConnectionError, BlockingIOError):
            self.socket.send(seal(self.question()))

    def receive(self):
        with contextlib.suppress(ConnectionError, BlockingIOError):
            while not self.is_done():
                first, _, second = unseal(self.socket.recv(65536)).partition(b"|")
                if first != second or not first.startswith(b"%d/" % self.number):
                    raise AssertionError(f"client {self.number} got {first[:50]}")
                if first == self.question():  # and no late answer to one that was asked twice
                    self.asked += 1
                    if not self.is_done():
                        self.ask()


def serve_all(clients, between=lambda: None):
    """Until each client has all its answers; `between` is called again and again."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        end = time.monotonic() + harness.PATIENCE
        while not all(client.is_done() for client in clients):
            if time.monotonic() > end:
                raise AssertionError(f"without an answer: {[c.number for c in clients if not c.is_done()]}")
            for key, _ in selector.select(0.05):
                key.data.receive()
            for client in clients:
                if not client.is_done() and time.monotonic() > client.sent_at + 0.5:
                    client.ask()
            between()


class UdpRelay(harness.DaemonTest):
    def upstream(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        return upstream

    def relay(self, *upstreams, port=0, more=""):
        text = self.config(*upstreams, port=port, more=more)
        self.daemon = self.start(text)
        return self.daemon.port("relay")

    def config(self, *upstreams, port=0, more=""):
        listed = ", ".join(f'{{address: "127.0.0.1:{upstream}"}}' for upstream in upstreams)
        return CONFIG.format(port=port, upstreams=listed, more=more)

    def clients(self, count, port, questions):
        clients = [Client(number, port, questions) for number in range(count)]
        for client in clients:
            self.addCleanup(client.socket.close)
        return clients

    def describe(self):
        return self.daemon.ctl_json("describe", "workloads/relay")

    def apply(self, text):
        spec = self.daemon.folder / "spec.yaml"
        spec.write_text("version: 1\nworkloads:\n" + text.partition("workloads:\n")[2].partition("metrics:")[0])
        return self.daemon.ctl("apply", "-f", str(spec))

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.metrics_port()}/metrics",
                                    timeout=harness.PATIENCE) as answer:
            return answer.read().decode()

    def test_a_hundred_clients_get_their_own_answers_whole(self):
        a, b = self.upstream(), self.upstream()
        clients = self.clients(100, self.relay(a.port, b.port), 20)
        serve_all(clients)
        self.assertEqual(a.damaged + b.damaged, [])
        self.assertEqual(len(a.peers) + len(b.peers), 100, "a session each")
        self.assertGreater(min(len(a.peers), len(b.peers)), 40, "in turn on each loop")
        self.assertEqual(int(self.describe()["connections_open"]), 100)

    def test_a_loop_that_stops_and_starts_loses_no_client_for_ever(self):
        a, b = self.upstream(), self.upstream()
        clients = self.clients(100, self.relay(a.port, b.port), 200)
        verbs = iter(["stop", "start"] * 4 + ["drain", "start"])
        errors = []

        def change():
            for verb in verbs:
                result = self.daemon.ctl(verb, "io-0")
                if result.returncode != 0:
                    errors.append(result.stderr)

        changing = threading.Thread(target=change)
        changing.start()
        rounds = 0
        # All the while, and once more when both loops run.
        while changing.is_alive() or rounds == 0:
            for client in clients:
                client.asked = 0
            serve_all(clients)
            rounds += 1
        changing.join()
        self.assertEqual(errors, [])
        for client in clients:
            client.asked = 0
        serve_all(clients)
        self.assertEqual(a.damaged + b.damaged, [])

    def test_clients_wait_in_the_queue_while_no_loop_runs(self):
        upstream = self.upstream()
        port = self.relay(upstream.port)
        for loop in ("io-0", "io-1"):
            self.assertEqual(self.daemon.ctl("stop", loop).returncode, 0)
        with udp() as client:
            client.sendto(seal(b"patience"), ("127.0.0.1", port))
            for loop in ("io-0", "io-1"):
                self.assertEqual(self.daemon.ctl("start", loop).returncode, 0)
            self.assertEqual(unseal(client.recv(100)), b"patience|patience")

    def test_another_list_of_upstreams_moves_nobody(self):
        before, after = self.upstream(), self.upstream()
        port = self.relay(before.port)
        old = self.clients(10, port, 3)
        serve_all(old)
        applied = self.apply(self.config(after.port))
        self.assertIn("updated", applied.stdout, applied.stderr)
        for client in old:
            client.asked = 0
        new = self.clients(10, port, 3)
        serve_all(old)
        serve_all(new)
        self.assertEqual((len(before.peers), len(after.peers)), (10, 10))

    def test_a_workload_is_changed_drained_and_made_anew_at_its_address(self):
        upstream = self.upstream()
        port = self.relay(upstream.port)
        serve_all(self.clients(5, port, 3))
        applied = self.apply(self.config(upstream.port, more="sessions: {idle: 5s}"))
        self.assertIn("replaced", applied.stdout, applied.stderr)
        serve_all(self.clients(5, port, 3))
        drained = self.daemon.ctl("drain", "workloads/relay")
        self.assertEqual(drained.returncode, 0, drained.stderr)
        applied = self.apply(self.config(upstream.port, port=port))
        self.assertIn("created", applied.stdout, applied.stderr)
        serve_all(self.clients(5, port, 3))

    def test_the_address_is_refused_to_a_second_workload_but_not_for_tcp(self):
        upstream = self.upstream()
        port = self.relay(upstream.port)
        text = self.config(upstream.port, port=port).replace("name: relay", "name: second")
        refused = self.apply(text)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("by workload relay", refused.stderr)
        # A port that was free for TCP, where more are in use.
        self.apply('workloads:\n  - {name: tcp, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}\n')
        port = self.daemon.ctl_json("describe", "workloads/tcp")["listeners"][0].rpartition(":")[2]
        applied = self.apply(self.config(upstream.port, port=port).replace("name: relay", "name: same"))
        self.assertIn("created", applied.stdout, applied.stderr)

    def test_what_is_dropped_is_counted_where_it_shows(self):
        upstream = self.upstream()
        port = self.relay(upstream.port, more="max_datagram: 100B")
        with udp() as client:
            client.sendto(b"x" * 101, ("127.0.0.1", port))
            client.sendto(seal(b"short"), ("127.0.0.1", port))
            self.assertEqual(unseal(client.recv(100)), b"short|short")
        metrics = self.metrics()
        self.assertIn('evloopd_workload_datagrams_dropped_total{workload="relay",reason="oversize"} 1', metrics)
        self.assertIn('evloopd_workload_datagrams_total{workload="relay",direction="to_client"} 1', metrics)
        self.assertIn("1 oversize", self.daemon.ctl("describe", "workloads/relay").stdout)
        lint = harness.run(harness.need("promtool"), "check", "metrics", input=metrics)
        self.assertEqual((lint.returncode, lint.stdout, lint.stderr), (0, "", ""))

    def test_the_page_has_the_sample_and_the_sample_works(self):
        sample = (harness.PROJECT / "config/samples/udp-relay.yaml").read_text()
        page = (harness.PROJECT / "daemon/workloads/udp/README.md").read_text()
        self.assertEqual(re.search("```yaml\n(.*?)```", page, re.S)[1], sample.partition("\n\n")[2])
        a, b = self.upstream(), self.upstream()
        text = sample.replace("[::1]:5353", "[::1]:0").replace("127.0.0.1:5353", "127.0.0.1:0")
        text = text.replace("5301", str(a.port)).replace("5302", str(b.port))
        self.daemon = self.start(text + 'metrics: {address: "127.0.0.1:0"}\n')
        serve_all(self.clients(20, self.daemon.port("names"), 5))
        self.assertGreater(min(len(a.peers), len(b.peers)), 0)


if __name__ == "__main__":
    harness.main()
