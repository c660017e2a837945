"""Random faults between two daemons, and in the network: nothing is stuck, nothing leaks, and no byte is wrong.

EVLOOPD_STORM_SECONDS says for how long; a few seconds by default. EVLOOPD_STORM_LOSS is the part of the packets, in
percent, that the network between the two loses: they are in network namespaces of their own then, which needs root,
iproute2 and nftables.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

import harness

SECONDS = float(os.environ.get("EVLOOPD_STORM_SECONDS", "5"))
LOSS = int(os.environ.get("EVLOOPD_STORM_LOSS", "0"))
SEED = int(os.environ.get("EVLOOPD_STORM_SEED", str(random.randrange(2**31))))
CLIENTS = 12
NEAR, FAR = ("10.77.0.1", "10.77.0.2") if LOSS else ("127.0.0.1", "127.0.0.1")
MOST_PIPES = 2 * CLIENTS * 2 * 2  # two ends for each direction, in each daemon
# Without a byte: longer than a connection of which a fault holds everything back.
DEADLINE = 90

PROXY = """
  - name: {name}
    kind: tcp.proxy
    listen: [{{address: "{listen}:0"}}]
    upstreams: [{{address: "{upstream}"}}]
    timeouts: {{idle: 20s, half_close: 20s}}
"""
CONFIG = """
version: 1
loops: {{names: "io-{{index}}", count: 2}}
metrics: {{enabled: false}}
workloads:
"""
ECHO = """
  - {{name: echo, kind: tcp.echo, listen: [{{address: "unix:{folder}/echo.sock"}}]}}
"""

# Those that end connections, and those that must not.
CUTTING = [lambda r: ["--reset-bytes", f"{r.randrange(1, 100_000)}B"],
           lambda r: ["--reset-time", f"{r.randrange(1, 2000)}ms"],
           lambda r: ["--blackhole"]]
HARMLESS = [lambda r: ["--latency", "100ms", "--jitter", f"{r.randrange(100)}ms"],
            lambda r: ["--latency", f"{r.randrange(1, 50)}ms"],
            lambda r: ["--bandwidth", f"{r.randrange(64, 1024)}KiB"],
            lambda r: ["--slice-size", f"{r.randrange(50, 5000)}B", "--slice-delay", f"{r.randrange(1, 4)}ms"],
            lambda r: ["--slice-size", "1B"]]


class Network:
    """Another network namespace, beside the one that this process is in, and a line between the two that loses packets."""

    def __init__(self):
        for program in ("ip", "nft", "nsenter", "unshare"):
            harness.need(program)
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.inside = ["nsenter", "-t", str(self._holder.pid), "-n"]
        harness.wait_until(self._is_apart, "the namespace is there")
        self._must("ip", "link", "set", "lo", "up")
        self._must("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self._holder.pid))
        for side, address, where in (("near", NEAR, []), ("far", FAR, self.inside)):
            self._must(*where, "ip", "link", "set", "lo", "up")
            self._must(*where, "ip", "address", "add", f"{address}/24", "dev", side)
            self._must(*where, "ip", "link", "set", side, "up")
            self._must(*where, "nft", f"add table inet storm; "
                       f"add chain inet storm arrives {{ type filter hook input priority 0; }}; "
                       f"add rule inet storm arrives iif {side} numgen random mod 100 < {LOSS} counter drop")

    def _is_apart(self):
        theirs = os.readlink(f"/proc/{self._holder.pid}/ns/net")
        return theirs != os.readlink("/proc/self/ns/net")

    def _must(self, *command):
        done = harness.run(*command)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr}")

    def close(self):
        self._holder.kill()
        self._holder.wait()


class Storm(threading.Thread):
    """Sets faults of one proxy, others every second or so, until it is told to stop."""

    def __init__(self, daemon, workload, seed):
        super().__init__()
        self._daemon, self._workload, self._random = daemon, workload, random.Random(seed)
        self._over = threading.Event()
        self.changes = 0
        self.error = None
        self.cuts_until = 0  # connections that were open by then may be cut

    def stop(self):
        self._over.set()
        self.join()
        self._set("--off")

    def _set(self, *faults):
        done = self._daemon.ctl("faults", self._workload, *faults)
        if done.returncode != 0:
            self.error = f"{faults}: {done.stderr}"

    def run(self):
        while not self._over.wait(self._random.uniform(0.2, 1.5)) and not self.error:
            self.changes += 1
            cuts = self._random.random() < 0.4
            faults = self._random.choice(CUTTING if cuts else HARMLESS)(self._random)
            if cuts:
                self.cuts_until = float("inf")
            self._set(*faults, "--percent", str(self._random.randrange(10, 101)), "--seed",
                      str(self._random.randrange(1000)), "--direction",
                      self._random.choice(["both", "to_upstream", "to_client"]), "--for", "1h")
            if not cuts and self.cuts_until == float("inf"):
                self.cuts_until = time.monotonic()


class Client(threading.Thread):
    """Connects again and again, and compares what comes back with what it sent."""

    def __init__(self, port, seed, may_be_cut):
        super().__init__()
        self._port, self._random, self._may_be_cut = port, random.Random(seed), may_be_cut
        self._over = threading.Event()
        self.whole = self.cut = 0
        self.longest = 0.0
        self.error = None

    def stop(self):
        self._over.set()

    def run(self):
        while not self._over.is_set() and not self.error:
            begin = time.monotonic()
            exchange = self._random.choice([self._in_one_piece, self._in_turns])
            try:
                is_whole = exchange()
            except TimeoutError:
                self.error = f"nothing came for {DEADLINE} s, {exchange.__name__}"
                return
            except Exception as error:
                self.error = f"{exchange.__name__}: {error!r}"
                return
            self.longest = max(self.longest, time.monotonic() - begin)
            if is_whole:
                self.whole += 1
            elif self._may_be_cut(begin):
                self.cut += 1
            elif not self.error:
                self.error = f"cut without a fault that does so, {exchange.__name__}"

    def _connect(self):
        return socket.create_connection(("127.0.0.1", self._port), timeout=DEADLINE)

    def _in_one_piece(self):
        """All is sent, then the end of data; all comes back, then the end of data."""
        with self._connect() as connection:
            sent = self._random.randbytes(self._random.choice([1, 1000, 70_000, 200_000]))
            return self._comes_back(connection, sent, to_the_end=True)

    def _in_turns(self):
        """One message after another; each comes back before the next one."""
        with self._connect() as connection:
            sizes = [self._random.randrange(1, 3000) for _ in range(self._random.randrange(1, 20))]
            return all(self._comes_back(connection, self._random.randbytes(size)) for size in sizes)

    def _comes_back(self, connection, sent, to_the_end=False):
        """False: the connection was cut before all of it had come."""
        received = bytearray()
        try:
            connection.sendall(sent)
            if to_the_end:
                connection.shutdown(socket.SHUT_WR)
            while (to_the_end or len(received) < len(sent)) and (chunk := connection.recv(65536)):
                received += chunk
        except TimeoutError:
            raise
        except OSError:
            pass  # it was cut
        if not sent.startswith(received):
            self.error = f"{len(received)} bytes came back for {len(sent)}, and they are other ones"
        return received == sent


class FaultStorm(harness.DaemonTest):
    def held(self, daemon):
        """Descriptors, tasks, and open connections. Some pipes are kept for the next connection that wants one."""
        folder = f"/proc/{daemon.process.pid}/fd"
        links = []
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # it has been closed meanwhile
                links.append(os.readlink(f"{folder}/{name}"))
        pipes = sum(link.startswith("pipe:") for link in links)
        self.assertLessEqual(pipes, MOST_PIPES)
        descriptors = len(links) - pipes
        tasks = sum(len(daemon.ctl_json("ps", name).get("tasks", [])) for name in ("io-0", "io-1"))
        open_ones = [int(daemon.ctl_json("describe", f"workloads/{name}").get("connections_open", 0))
                     for name in ("near", "far", "echo") if f"name: {name}" in daemon.config.read_text()]
        return descriptors, tasks, sum(open_ones)

    def test_nothing_is_stuck_or_lost_or_wrong(self):
        print(f"EVLOOPD_STORM_SEED={SEED}")
        wrapper = []
        if LOSS:
            network = Network()
            self.addCleanup(network.close)
            wrapper = network.inside
        folder = self.enterContext(tempfile.TemporaryDirectory())
        far = self.start(CONFIG.format() + ECHO.format(folder=folder) +
                         PROXY.format(name="far", listen=FAR, upstream=f"unix:{folder}/echo.sock"), wrapper=wrapper)
        near = self.start(CONFIG.format() +
                          PROXY.format(name="near", listen="127.0.0.1", upstream=f"{FAR}:{far.port('far')}"))
        before = {daemon: self.held(daemon) for daemon in (far, near)}

        storms = [Storm(far, "far", SEED), Storm(near, "near", SEED + 1)]
        may_be_cut = lambda begin: any(storm.cuts_until >= begin for storm in storms)
        clients = [Client(near.port("near"), SEED + 2 + i, may_be_cut) for i in range(CLIENTS)]
        for each in storms + clients:
            each.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and all(each.is_alive() for each in storms + clients):
            time.sleep(0.1)
        for each in storms:
            each.stop()
        for each in clients:
            each.stop()
        for each in clients:
            each.join()

        print(f"{sum(s.changes for s in storms)} changes of faults, {LOSS}% of packets lost; "
              f"{sum(c.whole for c in clients)} connections were whole and {sum(c.cut for c in clients)} were cut; "
              f"the longest took {max(c.longest for c in clients):.1f} s")
        self.assertEqual([each.error for each in storms + clients if each.error], [])
        self.assertGreater(sum(c.whole for c in clients), 0)
        self.assertGreater(sum(s.changes for s in storms), 0)
        for daemon in (far, near):
            had = before[daemon]
            harness.wait_until(lambda: all(now <= then for now, then in zip(self.held(daemon), had)),
                               f"all is given back: {had} descriptors, tasks, connections")


if __name__ == "__main__":
    if LOSS and "EVLOOPD_STORM_APART" not in os.environ:
        os.execvpe("unshare", ["unshare", "-n", sys.executable, "-B", *sys.argv],
                   os.environ | {"EVLOOPD_STORM_APART": "yes"})
    harness.main()
