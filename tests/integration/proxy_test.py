"""A proxy under clients while its loops stop and start."""

import hashlib
import http.client
import random
import socket
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
        self.port = port

    def run(self):
        while not self.ended.is_set() and not self.errors:
            try:
                self.ask()
                self.answers += 1
            except Exception as error:
                self.errors.append(repr(error))

    def ask(self):
        status, _ = harness.http_get(self.port)
        if status != 200:
            self.errors.append(f"status {status}")


class OldClient(Client):
    """Asks again and again on the one connection that it has."""

    def __init__(self, port):
        super().__init__(port)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.PATIENCE)
        self._connection.connect()
        self._connection.auto_open = 0  # no second one when the first is cut

    def ask(self):
        self._connection.request("GET", "/")
        self._connection.getresponse().read()

    def join(self, timeout=None):
        super().join(timeout)
        self._connection.close()


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

    def clients(self, port, count, kind=Client):
        clients = [kind(port) for _ in range(count)]
        for client in clients:
            client.start()
            self.addCleanup(client.join)
            self.addCleanup(client.ended.set)
        return clients

    def all_go_on(self, clients, answers=3):
        seen = [client.answers for client in clients]
        harness.wait_until(lambda: all(client.answers >= n + answers or client.errors
                                       for client, n in zip(clients, seen)), "all clients go on")
        self.assertEqual([client.errors for client in clients if client.errors], [])

    def end(self, clients):
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join(harness.PATIENCE)
            self.assertFalse(client.is_alive())
            self.assertEqual(client.errors, [])

    def test_no_connection_fails_while_loops_stop_and_start_and_none_is_cut(self):
        daemon, port = self.start_proxy()
        old = self.clients(port, 8, OldClient)
        new = self.clients(port, 3)
        self.all_go_on(old + new)
        for loop in ("io-0", "io-1") * 2:
            self.assertEqual(daemon.ctl("stop", loop).returncode, 0)
            self.assertEqual(daemon.loop(loop)["state"], "LOOP_STATE_STOPPED")
            # The other loop takes all that comes. What the stopped one has waits for its start.
            for _ in range(20):
                self.assertEqual(harness.http_get(port)[0], 200)
            self.assertEqual(daemon.ctl("start", loop).returncode, 0)
            self.all_go_on(old + new)
        self.end(old + new)
        proxied, = (w for w in daemon.ctl_json("workloads")["workloads"] if w["kind"] == "tcp.proxy")
        self.assertEqual(proxied["connections_failed"], "0")
        self.assertEqual(int(proxied["connections_total"]), len(old) + sum(client.answers for client in new) + 80)

    def test_with_no_loop_running_connections_wait(self):
        daemon, port = self.start_proxy()
        self.assertEqual(daemon.ctl("stop", "io-0", "io-1").returncode, 0)
        clients = self.clients(port, 3)
        with harness.connect(port):  # it is taken in, not refused
            self.assertEqual(daemon.ctl("start", "io-1").returncode, 0)
            harness.wait_until(lambda: all(client.answers > 0 for client in clients), "those who waited are served")
        self.end(clients)

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

    def test_bytes_pass_unharmed_both_ways_at_once(self):
        with harness.listen() as listener:
            _, port = self.start_proxy(listener.getsockname()[1])
            with harness.connect(port) as connection:
                near = Exchange(connection, seed=1)
                listener.settimeout(harness.PATIENCE)
                with listener.accept()[0] as accepted:
                    accepted.settimeout(harness.PATIENCE)
                    far = Exchange(accepted, seed=2)
                    near.finish()
                    far.finish()
        self.assertEqual((near.received, far.received), (Exchange.SIZE, Exchange.SIZE))
        self.assertEqual(near.received_digest.hexdigest(), far.sent_digest.hexdigest())
        self.assertEqual(far.received_digest.hexdigest(), near.sent_digest.hexdigest())


class Exchange:
    """Sends SIZE random bytes and the end of data, and takes in what comes until its end; all at once."""

    SIZE = 64 * 1024 * 1024
    BLOCK = 256 * 1024

    def __init__(self, connection, seed):
        self.received = 0
        self.sent_digest = hashlib.sha256()
        self.received_digest = hashlib.sha256()
        self._connection = connection
        self._random = random.Random(seed)
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def finish(self):
        for thread in self._threads:
            thread.join()

    def _send(self):
        for _ in range(self.SIZE // self.BLOCK):
            block = self._random.randbytes(self.BLOCK)
            self._connection.sendall(block)
            self.sent_digest.update(block)
        self._connection.shutdown(socket.SHUT_WR)

    def _receive(self):
        while block := self._connection.recv(self.BLOCK):
            self.received_digest.update(block)
            self.received += len(block)


if __name__ == "__main__":
    harness.main()
