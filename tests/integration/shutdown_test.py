"""The end of a daemon: it drains, it lets itself be hurried, and it leaves nothing behind."""

import os
import signal
import socket
import time

import harness
import reflection

CONFIG = """
version: 1
daemon: {shutdown: {lame_duck: LAME_DUCK, drain: DRAIN}}
loops: [{names: "io-{index}", count: 2}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {address: "127.0.0.1:0"}
"""


def config(lame_duck="0s", drain="10m"):
    return CONFIG.replace("LAME_DUCK", lame_duck).replace("DRAIN", drain)


class Shutdown(harness.DaemonTest):
    def exchange(self, connection):
        connection.sendall(b"ping")
        self.assertEqual(harness.receive(connection, 4), b"ping")

    def refuses(self, port):
        try:
            harness.connect(port).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # just as the listener was closed; the next one is refused
        return False

    def test_it_waits_for_what_is_open_and_takes_nothing_new(self):
        daemon = self.start(config())
        port = daemon.port("echo")
        with harness.connect(port) as connection:
            self.exchange(connection)
            daemon.signal()
            harness.wait_until(lambda: self.refuses(port), "nothing new is taken")
            self.exchange(connection)
            self.assertIsNone(daemon.process.poll(), "it waits for the connection")
            told = self.ctl_fails(daemon, 6, "stop", "io-0")
            self.assertEqual(told["reason"], "DAEMON_SHUTTING_DOWN")
            self.assertEqual(daemon.ctl("health").stdout, "NOT_SERVING\n")
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(os.listdir(daemon.run), [], "its sockets are gone")
        self.assertTrue(daemon.records("stopped")[0]["at_rest"])

    def test_a_second_signal_does_not_wait(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            daemon = self.start(config())
            with harness.connect(daemon.port("echo")) as connection:
                self.exchange(connection)
                daemon.signal(first)
                harness.wait_until(lambda: daemon.records("stopping"), "it stops")
                self.assertIsNone(daemon.process.poll())
                daemon.signal(second)
                self.assertEqual(daemon.wait(), 0)
                self.assert_cut(connection)

    def assert_cut(self, connection):
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            pass

    def test_what_is_open_when_the_time_is_up_is_cut(self):
        daemon = self.start(config(drain="300ms"))
        with harness.connect(daemon.port("echo")) as connection:
            self.exchange(connection)
            begin = time.monotonic()
            daemon.signal()
            self.assertEqual(daemon.wait(), 0)
            self.assertGreaterEqual(time.monotonic() - begin, 0.3)
            self.assert_cut(connection)

    def test_a_lame_duck_serves_and_is_not_ready(self):
        daemon = self.start(config(lame_duck="10m"))
        daemon.signal()
        harness.wait_until(lambda: daemon.ctl("health").stdout == "NOT_SERVING\n", "it is not ready")
        self.assertEqual(harness.http_get(daemon.metrics_port(), "/readyz")[0], 503)
        self.assertEqual(harness.http_get(daemon.metrics_port(), "/healthz")[0], 200)
        with harness.connect(daemon.port("echo")) as connection:
            self.exchange(connection)
        daemon.signal()
        self.assertEqual(daemon.wait(), 0)

    def test_a_job_under_way_is_cancelled(self):
        daemon = self.start(config(drain="200ms"))
        self.assertEqual(daemon.ctl("create", "batch").returncode, 0)
        client = reflection.Client(daemon.admin)
        self.addCleanup(client.close)
        call = client.start("LoopService", "RunUntilComplete", name="loops/batch",
                            job={"kind": "sleep", "options": {"duration": "1h"}})
        harness.wait_until(lambda: daemon.loop("batch")["state"] == "LOOP_STATE_RUNNING", "the job runs")
        daemon.signal()
        self.assertEqual(daemon.wait(), 0)
        self.assertIsNotNone(call.exception(timeout=harness.PATIENCE))

    def test_the_sockets_that_a_killed_daemon_left_are_replaced(self):
        daemon = self.start(config())
        daemon.process.kill()
        self.assertEqual(daemon.wait(), -signal.SIGKILL)
        self.assertTrue((daemon.run / "admin.sock").exists())
        daemon.start()
        self.assertEqual(daemon.ctl("health").returncode, 0)

    def test_service_managers_are_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0evloopd-test-%d" % os.getpid())
            manager.settimeout(harness.PATIENCE)
            daemon = self.start(config(), NOTIFY_SOCKET="@evloopd-test-%d" % os.getpid())
            self.assertIn(b"READY=1", manager.recv(4096))
            daemon.signal()
            self.assertIn(b"STOPPING=1", manager.recv(4096))
            self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    harness.main()
