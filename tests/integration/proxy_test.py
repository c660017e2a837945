"""A proxy under clients while its loops stop and start."""

import hashlib
import http.client
import os
import threading

import harness

CONFIG = """
version: 1
daemon: {{shutdown: {{drain: 10s}}}}
loops: [{{names: "io-{{index}}", count: 2}}]
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{upstreams}]
metrics: {{address: "127.0.0.1:0"}}
"""


class Client(threading.Thread):
    """Asks again and again, each time on a new connection, until told to stop."""

    def __init__(self, port):
        super().__init__()
        self.answers = 0
        self.errors = []
        self.ended = threading.Event()
        self._port = port

    def run(self):
        while not self.ended.is_set() and not self.errors:
            try:
                status, _ = harness.http_get(self._port)
                if status != 200:
                    self.errors.append(f"status {status}")
                self.answers += 1
            except Exception as error:
                self.errors.append(repr(error))


class Proxy(harness.DaemonTest):
    def setUp(self):
        self.backends = [harness.Backend(name) for name in ("a", "b")]
        for backend in self.backends:
            self.addCleanup(backend.close)

    def start_proxy(self, *ports):
        addresses = ports or [backend.port for backend in self.backends]
        upstreams = ", ".join(f'{{address: "127.0.0.1:{port}"}}' for port in addresses)
        daemon = self.start(CONFIG.format(upstreams=upstreams))
        return daemon, daemon.port("front")

    def clients(self, port, count):
        clients = [Client(port) for _ in range(count)]
        for client in clients:
            client.start()
            self.addCleanup(client.join)
            self.addCleanup(client.ended.set)
        return clients

    def test_no_connection_fails_while_a_loop_stops_and_starts(self):
        daemon, port = self.start_proxy()
        clients = self.clients(port, 4)
        harness.wait_until(lambda: all(client.answers > 5 for client in clients), "all clients are served")
        for _ in range(3):
            self.assertEqual(daemon.ctl("stop", "io-0").returncode, 0)
            self.assertEqual(daemon.loop("io-0")["state"], "LOOP_STATE_STOPPED")
            # The other loop takes all that comes.
            for _ in range(20):
                self.assertEqual(harness.http_get(port)[0], 200)
            self.assertEqual(daemon.ctl("start", "io-0").returncode, 0)
            seen = [client.answers for client in clients]
            # Also those that were on the loop when it stopped.
            harness.wait_until(lambda: all(c.answers > n for c, n in zip(clients, seen)), "all clients go on")
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join(harness.PATIENCE)
            self.assertFalse(client.is_alive())
            self.assertEqual(client.errors, [])

    def test_with_no_loop_running_connections_wait(self):
        daemon, port = self.start_proxy()
        self.assertEqual(daemon.ctl("stop", "io-0", "io-1").returncode, 0)
        clients = self.clients(port, 3)
        with harness.connect(port):  # it is taken in, not refused
            self.assertEqual(daemon.ctl("start", "io-1").returncode, 0)
            harness.wait_until(lambda: all(client.answers > 0 for client in clients), "those who waited are served")
        for client in clients:
            client.ended.set()
            client.join(harness.PATIENCE)
            self.assertEqual(client.errors, [])

    def test_a_connection_outlives_the_stop_of_its_loop(self):
        daemon, port = self.start_proxy()
        self.assertEqual(daemon.ctl("stop", "io-1").returncode, 0)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/")
        body = connection.getresponse().read()
        self.assertEqual(daemon.ctl("stop", "io-0").returncode, 0)
        connection.request("GET", "/")
        self.assertEqual(daemon.ctl("start", "io-0").returncode, 0)
        self.assertEqual(connection.getresponse().read(), body, "the same backend goes on")

    def test_an_upstream_that_refuses_is_passed_over(self):
        nobody, = harness.free_ports(1)
        _, port = self.start_proxy(nobody, self.backends[0].port)
        for _ in range(6):
            self.assertEqual(harness.http_get(port), (200, "a"))

    def test_bytes_pass_unharmed_both_ways(self):
        size = 8 * 1024 * 1024
        with EchoDigest(size) as upstream:
            _, port = self.start_proxy(upstream.port)
            data = os.urandom(size)
            with harness.connect(port) as connection:
                sender = threading.Thread(target=connection.sendall, args=(data,))
                sender.start()
                received = harness.receive(connection, size)
                sender.join(harness.PATIENCE)
            self.assertEqual(hashlib.sha256(received).digest(), hashlib.sha256(data).digest())


class EchoDigest:
    """A server that sends back to one client the `size` bytes it gets."""

    def __init__(self, size):
        self._size = size

    def __enter__(self):
        self._listener = harness.listen()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _serve(self):
        self._listener.settimeout(harness.PATIENCE)
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(harness.PATIENCE)
            left = self._size
            while left > 0 and (chunk := connection.recv(65536)):
                connection.sendall(chunk)
                left -= len(chunk)


if __name__ == "__main__":
    harness.main()
