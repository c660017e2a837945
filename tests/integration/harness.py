"""What the integration tests share: a daemon of one's own, evloopctl, real clients and servers, and waiting.

Each test file is a program: FILE EVLOOPD EVLOOPCTL [UNITTEST-ARGUMENT...]
"""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds, for what must happen; only a failing test waits that long

EVLOOPD = None
EVLOOPCTL = None


def main():
    """Runs the tests of the file that was started."""
    global EVLOOPD, EVLOOPCTL
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    EVLOOPD, EVLOOPCTL = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])


def wait_until(condition, what):
    """Waits until `condition()` is true, and answers what it gave."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def free_ports(count):
    """Ports that nobody had a moment ago, for programs that cannot take port 0."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def environment(**changes):
    """This process's, without what would lead the programs elsewhere."""
    names = ("EVLOOPD_ADDR", "EVLOOPD_CONFIG", "EVLOOPD_LISTEN", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "JOURNAL_STREAM")
    return {k: v for k, v in os.environ.items() if k not in names and not k.lower().endswith("_proxy")} | changes


def need(program):
    """The path of an installed program; the test fails without it."""
    path = shutil.which(program)
    if path is None:
        raise AssertionError(f"{program} is not installed; deploy/install-packages test installs it")
    return path


def run(*command, **options):
    """Runs a program to its end. Answers its exit status and what it printed."""
    options.setdefault("env", environment())
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)


class Daemon:
    """An evloopd with a folder of its own for its configuration, sockets and log. Ready once constructed. `wrapper`: a
    command that turns into the one that follows it."""

    def __init__(self, config, wrapper=(), **variables):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evloopd-"))
        self.run = self.folder / "run"
        self.process = None
        self.config = self.folder / "evloopd.yaml"
        self.config.write_text(config)
        self.observe = str(self.run / "observe.sock")
        self.admin = str(self.run / "admin.sock")
        self._log_path = self.folder / "log"
        self.command = [*wrapper, EVLOOPD, "--config", str(self.config)]
        self.environment = environment(RUNTIME_DIRECTORY=str(self.run), **variables)
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self):
        """Again, after it has ended. Its log begins anew."""
        with self._log_path.open("w") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment)
        wait_until(lambda: self.process.poll() is not None or self.records("ready"), "the daemon is ready")
        if self.process.returncode is not None:
            raise AssertionError(f"evloopd ended with {self.process.returncode}:\n{self.log()}")

    def log(self):
        return self._log_path.read_text(errors="replace")

    def records(self, message):
        """The log's records with that message; the log is JSON, as it is no terminal."""
        found = []
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and record.get("message") == message:
                    found.append(record)
        return found

    def port(self, workload):
        """Where a workload listens."""
        addresses = [r["address"] for r in self.records("listening") if r["workload"] == workload]
        return int(addresses[0].rpartition(":")[2])

    def metrics_port(self):
        return int(self.records("metrics")[0]["url"].split(":")[2].partition("/")[0])

    def ctl(self, *arguments, socket_path=None):
        return run(EVLOOPCTL, "--addr", socket_path or self.admin, *arguments)

    def ctl_json(self, *arguments):
        """What a command that must succeed prints as JSON."""
        result = self.ctl("-o", "json", *arguments)
        if result.returncode != 0:
            raise AssertionError(f"evloopctl {' '.join(arguments)}: {result.returncode}\n{result.stderr}")
        return json.loads(result.stdout)

    def loop(self, name):
        return self.ctl_json("describe", name)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """The exit status."""
        return self.process.wait(PATIENCE)

    def stop(self):
        """SIGTERM unless it was stopped already. The exit status; None if it had to be killed."""
        if self.process.poll() is None:
            self.signal()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None
        return self.process.returncode

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class DaemonTest(unittest.TestCase):
    """A test with daemons. Each must end with 0 when the test is over; their logs are printed if it fails."""

    def run(self, result=None):
        self._logs = []
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for log in self._logs:
                print(f"--- log of evloopd, in {self.id()} ---\n{log}", file=sys.stderr)

    def start(self, config, **variables):
        daemon = Daemon(config, **variables)
        self.addCleanup(self._finish, daemon)
        return daemon

    def _finish(self, daemon):
        status = daemon.stop()
        self._logs.append(daemon.log())
        daemon.remove()
        self.assertEqual(status, 0, "the daemon's exit status")

    def ctl_fails(self, daemon, status, *arguments, **options):
        """A command that must fail with that exit status. Answers the error as JSON mode gives it."""
        result = daemon.ctl("-o", "json", *arguments, **options)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return json.loads(result.stderr)["error"]


class Backend:
    """An HTTP server of ours that answers every GET with its name."""

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = name.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.request_queue_size = 128
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.port = self._server.server_address[1]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def http_get(port, path="/"):
    """Status and body of a GET on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def receive(connection, length):
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        if not chunk:
            raise AssertionError(f"the connection ended after {len(data)} of {length} bytes")
        data += chunk
    return bytes(data)


def listen():
    """A listening socket on a port of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener
