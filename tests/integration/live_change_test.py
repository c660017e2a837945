"""Workloads that come, change and go while the daemon runs: by the API and by the command line."""

import pathlib
import tempfile
import threading
import urllib.request

import grpc

import harness
import reflection

CONFIG = """
version: 1
loops: {names: "io-{index}", count: 2}
workloads: [{name: web, kind: http.respond, listen: [{address: "127.0.0.1:0"}], body: first}]
metrics: {address: "127.0.0.1:0"}
"""


def spec(body, name="web", port=0, **more):
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f'name: {name}\nkind: http.respond\nlisten: [{{address: "127.0.0.1:{port}"}}]\nbody: {body}\n{extra}'


class LiveChange(harness.DaemonTest):
    def setUp(self):
        self.daemon = self.start(CONFIG)
        self.admin = self.client(self.daemon.admin)

    def client(self, path):
        client = reflection.Client(path)
        self.addCleanup(client.close)
        return client

    def fetch(self, name="web"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.port(name)}/", timeout=harness.PATIENCE) as answer:
            return answer.read().decode()

    def apply(self, text, **more):
        return self.admin.call("WorkloadService", "ApplyWorkload", spec=text, **more).results

    def fails(self, client, code, reason, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            client.call("WorkloadService", "ApplyWorkload", **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        info = client.error_info(caught.exception)
        self.assertEqual(info.reason, reason)
        return info

    def outcome(self, result):
        return result.DESCRIPTOR.fields_by_name["outcome"].enum_type.values_by_number[result.outcome].name

    def test_a_workload_is_created_changed_and_deleted(self):
        result, = self.apply(spec("new", name="other", loops="[io-1]"))
        self.assertEqual((result.name, self.outcome(result)), ("workloads/other", "APPLY_OUTCOME_CREATED"))
        address = result.workload.listeners[0]
        with urllib.request.urlopen(f"http://{address}/", timeout=harness.PATIENCE) as answer:
            self.assertEqual(answer.read(), b"new")
        result, = self.apply(spec("new", name="other", loops="[io-1]"))
        self.assertEqual(self.outcome(result), "APPLY_OUTCOME_UNCHANGED")
        result, = self.apply(spec("newer", name="other"))
        self.assertEqual((self.outcome(result), result.workload.listeners[0]), ("APPLY_OUTCOME_REPLACED", address))
        with urllib.request.urlopen(f"http://{address}/", timeout=harness.PATIENCE) as answer:
            self.assertEqual(answer.read(), b"newer")
        self.admin.call("WorkloadService", "DeleteWorkload", name="workloads/other")
        names = [w.name for w in self.admin.call("WorkloadService", "ListWorkloads").workloads]
        self.assertEqual(names, ["workloads/web"])
        with self.assertRaises(OSError):
            urllib.request.urlopen(f"http://{address}/", timeout=harness.PATIENCE)

    def test_a_bad_spec_changes_nothing_and_says_which_field(self):
        for text, field in ((spec("x", colour="red"), "colour"), (spec("x", loops="[io-9]"), "loops[0]"),
                            (spec("x", status=99), "status")):
            info = self.fails(self.admin, grpc.StatusCode.INVALID_ARGUMENT, "CONFIG_INVALID", spec=text)
            self.assertEqual(info.metadata["field"], field)
        self.assertEqual(self.fetch(), "first")

    def test_whoever_only_asks_changes_nothing(self):
        result, = self.apply(spec("second"), validate_only=True)
        self.assertEqual(self.outcome(result), "APPLY_OUTCOME_VALID")
        self.assertEqual(self.fetch(), "first")

    def test_observers_may_not(self):
        self.fails(self.client(self.daemon.observe), grpc.StatusCode.PERMISSION_DENIED, "ROLE_TOO_LOW", spec=spec("x"))

    def test_nobody_is_refused_while_it_changes_again_and_again(self):
        failures, served, done = [], [0], threading.Event()

        def load():
            while not done.is_set():
                try:
                    self.fetch()
                    served[0] += 1
                except OSError as error:
                    failures.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for i in range(30):
                self.apply(spec(f"text-{i}"))
        finally:
            done.set()
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(served[0], 0)
        self.assertEqual(self.fetch(), "text-29")

    def echo(self):
        """An echo, and a client that it has served."""
        result, = self.apply('name: echo\nkind: tcp.echo\nlisten: [{address: "127.0.0.1:0"}]\n')
        port = int(result.workload.listeners[0].rpartition(":")[2])
        client = harness.connect(port)
        self.addCleanup(client.close)
        client.sendall(b"x")
        harness.receive(client, 1)
        return client, port

    def test_a_drain_waits_for_who_is_there_and_refuses_who_comes(self):
        client, port = self.echo()
        drain = self.admin.start("WorkloadService", "DrainWorkload", name="workloads/echo")
        first = next(drain)
        self.assertEqual((first.name, first.connections_left), ("workloads/echo", 1))
        self.assertEqual(sum(loop.connections_left for loop in first.loops), 1)
        self.assertGreater(first.deadline.seconds, first.snapshot_time.seconds)
        with self.assertRaises(ConnectionRefusedError):
            harness.connect(port)
        client.sendall(b"y")
        self.assertEqual(harness.receive(client, 1), b"y", "it is served to its end")
        client.close()
        *_, last = drain
        self.assertEqual((self.outcome(last), last.connections_cut), ("WORKLOAD_DRAIN_OUTCOME_DRAINED", 0))
        error = self.ctl_fails(self.daemon, 3, "drain", "workloads/echo")
        self.assertEqual(error["reason"], "WORKLOAD_NOT_FOUND")

    def test_a_drain_cuts_what_is_left_when_its_time_is_over(self):
        client, _ = self.echo()
        told = self.daemon.ctl("drain", "workloads/echo", "--timeout", "500ms")
        self.assertEqual((told.returncode, told.stdout, told.stderr),
                         (0, "echo  drained, 1 connection cut as the time was over\n", ""))
        self.assertEqual(client.recv(1), b"", "cut")
        self.assertEqual(self.fetch(), "first", "the other workload goes on")

    def test_the_command_line_applies_files(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "web.yaml")
            file.write_text(spec("from a file"))
            self.assertEqual(self.daemon.ctl("apply", "-f", file, "--dry-run").stdout, "workloads/web is valid\n")
            done = self.daemon.ctl("apply", "-f", file)
            self.assertEqual(done.stdout, "workloads/web replaced; the connections it had come to their end\n")
            self.assertEqual(self.fetch(), "from a file")
            file.write_text("nonsense")
            refused = self.daemon.ctl("apply", "-f", file)
            self.assertEqual(refused.returncode, 9)
            self.assertIn("spec:1:1", refused.stderr)
            self.assertEqual(self.daemon.ctl("apply", "-f", folder + "/none").returncode, 2)
        self.assertEqual(self.daemon.ctl("rm", "workloads/web").stdout, "workloads/web removed\n")


if __name__ == "__main__":
    harness.main()
