"""evloopctl before a real daemon: the life of a loop, jobs, and how each kind of trouble is told."""

import json
import signal
import subprocess
import time

import harness

CONFIG = """
version: 1
daemon: {name: edge-a, shutdown: {drain: 5s}}
loops: [{names: "io-{index}", count: 1, labels: {zone: north}}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {enabled: false}
"""


class CommandLine(harness.DaemonTest):
    def setUp(self):
        self.daemon = self.start(CONFIG)

    def ok(self, *arguments):
        result = self.daemon.ctl(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def state(self, loop):
        return self.daemon.loop(loop)["state"]

    def test_the_life_of_a_loop(self):
        self.assertRegex(self.ok("create", "batch", "--label", "team=a"), r"(?m)^batch +CREATED +CREATED")
        self.assertRegex(self.ok("start", "batch"), r"(?m)^batch +RUNNING +RUNNING +yes")
        self.assertEqual(self.ok("health", "batch"), "SERVING\n")
        self.assertEqual(self.ctl_fails(self.daemon, 4, "start", "batch")["reason"], "LOOP_ALREADY_RUNNING")
        self.assertEqual(self.ctl_fails(self.daemon, 4, "close", "batch")["reason"], "LOOP_RUNNING")
        self.assertRegex(self.ok("stop", "batch"), r"(?m)^batch +STOPPED +STOPPED +no")
        self.assertEqual(self.daemon.ctl("health", "batch").returncode, 1)
        self.assertRegex(self.ok("start", "batch"), r"(?m)^batch +RUNNING")
        self.ok("stop", "batch")
        self.assertEqual(self.ctl_fails(self.daemon, 4, "rm", "batch")["reason"], "LOOP_RUNNING")
        self.assertRegex(self.ok("close", "batch"), r"(?m)^batch +CLOSED")
        self.ok("close", "batch")
        self.assertEqual(self.ctl_fails(self.daemon, 4, "start", "batch")["reason"], "LOOP_CLOSED")
        self.ok("rm", "batch")
        self.assertEqual(self.ctl_fails(self.daemon, 3, "describe", "batch")["reason"], "LOOP_NOT_FOUND")
        self.assertEqual(self.ok("ls", "-o", "name"), "loops/io-0\n")
        self.assertEqual(self.state("io-0"), "LOOP_STATE_RUNNING", "it was left alone")

    def test_stopping_a_loop_at_rest_is_remembered(self):
        self.ok("create", "batch")
        self.ok("stop", "batch")
        self.assertTrue(self.daemon.loop("batch")["asyncio"]["stop_pending"])
        self.ok("start", "batch")
        harness.wait_until(lambda: self.state("batch") == "LOOP_STATE_STOPPED", "its run made one turn")
        self.assertFalse(self.daemon.loop("batch")["asyncio"]["stop_pending"])

    def test_draining_a_loop(self):
        told = self.ok("drain", "io-0")
        self.assertEqual(told, "io-0  STOPPED   drained\n", "and not how it went, as this is no terminal")
        self.ok("start", "io-0")
        with harness.connect(self.daemon.port("echo")) as client:
            client.sendall(b"x")
            harness.receive(client, 1)
            lines = self.ok("-o", "json", "drain", "io-0", "--timeout", "2s").splitlines()
        messages = [json.loads(line) for line in lines]
        self.assertEqual(messages[0]["state"], "LOOP_STATE_DRAINING")
        self.assertEqual((messages[-1]["outcome"], messages[-1]["connections_cut"]), ("DRAIN_OUTCOME_TIMEOUT", "1"))
        self.assertEqual(self.ctl_fails(self.daemon, 3, "drain", "nobody")["reason"], "LOOP_NOT_FOUND")

    def test_replacing_a_loop(self):
        error = self.ctl_fails(self.daemon, 4, "replace", "io-0")
        self.assertEqual((error["code"], error["reason"]), ("FAILED_PRECONDITION", "LOOP_NOT_STUCK"))
        self.assertEqual(self.ctl_fails(self.daemon, 3, "replace", "nobody", "--force")["reason"], "LOOP_NOT_FOUND")
        uid = self.daemon.loop("io-0")["uid"]
        with harness.connect(self.daemon.port("echo")) as client:
            client.sendall(b"x")
            harness.receive(client, 1)
            self.assertRegex(self.ok("replace", "io-0", "--force"), r"(?m)^io-0 +RUNNING +RUNNING[^\0]*^io-0~1 +")
            with self.assertRaises(AssertionError, msg="the client of the old loop is cut"):
                harness.receive(client, 1)
        self.assertNotEqual(self.daemon.loop("io-0")["uid"], uid)
        with harness.connect(self.daemon.port("echo")) as client:
            client.sendall(b"y")
            self.assertEqual(harness.receive(client, 1), b"y")
        harness.wait_until(lambda: self.ok("ls", "-o", "name") == "loops/io-0\n", "the old loop has gone")
        harness.wait_until(lambda: ("io-0~1", "CLOSED") in [(r["loop"], r["state"])
                                                            for r in self.daemon.records("loop changed")],
                           "its end is in the log")

    def test_a_jobs_result_is_printed(self):
        self.ok("create", "batch")
        self.assertRegex(self.ok("run", "batch", "sleep", "duration=10ms"), r"^slept \d+\.\d+ms\n$")
        port = self.daemon.port("echo")
        self.assertIn(f"connected to 127.0.0.1:{port} in ",
                      self.ok("run", "batch", "probe.tcp", f"address=127.0.0.1:{port}", "timeout=5s"))
        answer = json.loads(self.ok("-o", "json", "run", "batch", "sleep", "duration=1ms"))
        self.assertIn("slept", answer["result"])
        self.assertEqual(self.state("batch"), "LOOP_STATE_CREATED", "the loop is as it was")

    def test_a_jobs_exception_is_its_error(self):
        self.ok("create", "batch")
        nobody, = harness.free_ports(1)
        error = self.ctl_fails(self.daemon, 1, "run", "batch", "probe.tcp", f"address=127.0.0.1:{nobody}")
        self.assertEqual(error["reason"], "JOB_FAILED")
        self.assertEqual(error["metadata"]["type"], "ConnectionRefusedError")
        self.assertEqual(error["message"], "job probe.tcp on loop batch failed: ConnectionRefusedError: "
                                           f"Connect call failed 127.0.0.1:{nobody}: Connection refused")
        self.assertRegex(error["metadata"]["site"], r"^daemon/host/jobs\.cc:\d+$", "wherever it was built")

    def test_a_job_that_is_none_is_a_usage_error(self):
        self.ok("create", "batch")
        error = self.ctl_fails(self.daemon, 2, "run", "batch", "sleep", "duration=soon")
        self.assertEqual((error["code"], error["reason"]), ("INVALID_ARGUMENT", "BAD_ARGUMENT"))
        self.assertEqual(error["metadata"]["given"], "soon")
        error = self.ctl_fails(self.daemon, 2, "run", "batch", "juggle")
        self.assertIn("probe.tcp", error["message"], "what is allowed")
        error = self.ctl_fails(self.daemon, 4, "run", "io-0", "sleep", "duration=1ms")
        self.assertEqual(error["reason"], "LOOP_ALREADY_RUNNING")
        self.assertIn("cannot run a job on loop io-0: it is RUNNING; possible when CREATED", error["message"])

    def test_interrupting_run_cancels_its_job(self):
        self.ok("create", "batch")
        command = [harness.EVLOOPCTL, "--addr", self.daemon.admin, "run", "batch", "sleep", "duration=1h"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=harness.environment()) as waiting:
            harness.wait_until(lambda: len(self.daemon.ctl_json("ps", "batch")["tasks"]) == 1, "the job runs")
            task = self.daemon.ctl_json("ps", "batch")["tasks"][0]
            self.assertEqual((task["display_name"], task["state"]), ("sleep", "TASK_STATE_WAITING"))
            self.assertGreater(task["frames"][-1]["line"], 0)
            table = self.ok("ps", "batch")
            self.assertRegex(table, r"(?m)^batch +\d+ +sleep +WAITING .* \w+\.(cc|h):\d+ ")
            begin = time.monotonic()
            waiting.send_signal(signal.SIGINT)
            waiting.wait(harness.PATIENCE)
        harness.wait_until(lambda: self.state("batch") == "LOOP_STATE_CREATED", "the loop is free")
        self.assertLess(time.monotonic() - begin, harness.PATIENCE)
        self.assertIn("slept", self.ok("run", "batch", "sleep", "duration=1ms"))

    def test_a_deadline_that_passes_is_a_timeout(self):
        self.ok("create", "batch")
        error = self.ctl_fails(self.daemon, 5, "--timeout", "2s", "run", "batch", "sleep", "duration=1h")
        self.assertEqual((error["code"], error["reason"]), ("DEADLINE_EXCEEDED", "JOB_TIMEOUT"))
        self.assertEqual(error["message"], "job sleep on loop batch was not done in time, and has been cancelled")
        self.assertEqual(self.state("batch"), "LOOP_STATE_CREATED")
        self.assertEqual(self.daemon.loop("batch")["counters"]["tasks_cancelled"], "1")

    def test_the_observers_socket_may_look_and_not_touch(self):
        observe = self.daemon.observe
        looked = self.daemon.ctl("-o", "name", "ls", socket_path=observe)
        self.assertEqual((looked.returncode, looked.stdout), (0, "loops/io-0\n"))
        for change in (["stop", "io-0"], ["create", "x"], ["replace", "io-0", "--force"],
                       ["run", "io-0", "sleep", "duration=1ms"]):
            error = self.ctl_fails(self.daemon, 7, *change, socket_path=observe)
            self.assertEqual(error["reason"], "ROLE_TOO_LOW")
            self.assertIn("needed_role", error["metadata"])
        told = self.daemon.ctl("stop", "io-0", socket_path=observe)
        self.assertIn("needs the role operator", told.stderr)
        self.assertIn("hint: connect to the daemon's admin.sock", told.stderr)
        self.assertEqual(self.state("io-0"), "LOOP_STATE_RUNNING")
        refused = [r for r in self.daemon.records("control call") if r["outcome"] == "ROLE_TOO_LOW"]
        self.assertEqual(len(refused), 5, "refused calls are audited")
        self.assertRegex(refused[0]["peer"], r"^uid=\d+ gid=\d+ pid=\d+$")

    def test_describe_says_all_about_a_loop(self):
        text = self.ok("describe", "io-0")
        for line in ("Name: +io-0", "Labels: +zone=north", "State: +RUNNING, wanted RUNNING", "Ready: +yes",
                     "Accepting: +yes", "Stalled: +no", "Executes: ", "Tasks: +\\d+ live", "Timers: ",
                     "Descriptors: +\\d+ watched", "Callbacks: +p50", "Stalls: +0"):
            self.assertRegex(text, f"(?m)^{line}")

    def test_tables_have_their_columns(self):
        head = self.ok("ls").splitlines()[0].split()
        self.assertEqual(head[:7], ["NAME", "STATE", "WANT", "READY", "UTIL", "TASKS", "QUEUE"])
        self.assertIn("zone=north", self.ok("ls", "-o", "wide"))
        self.assertRegex(self.ok("workloads"), r"(?m)^echo +tcp\.echo +io-0 +127\.0\.0\.1:\d+ ")
        self.assertRegex(self.ok("describe", "workloads/echo"), r"(?m)^Listens on: +127\.0\.0\.1:\d+$")
        self.assertIn("edge-a", self.ok("status"))
        self.assertRegex(self.ok("version"), r"^evloopctl (\S+)\nevloopd   \1\n$")

    def test_a_daemon_that_is_not_there_is_named(self):
        missing = str(self.daemon.folder / "nobody.sock")
        told = self.daemon.ctl("ls", socket_path=missing)
        self.assertEqual(told.returncode, 6)
        self.assertIn(f"cannot reach the daemon at unix:{missing}: there is no such socket", told.stderr)
        self.assertIn("hint: is evloopd running?", told.stderr)
        self.assertEqual(self.ctl_fails(self.daemon, 6, "ls", socket_path=missing)["code"], "UNAVAILABLE")

    def test_the_usual_socket_is_found_by_the_runtime_directory(self):
        found = harness.run(harness.EVLOOPCTL, "-o", "name", "ls", env=self.daemon.environment)
        self.assertEqual((found.returncode, found.stdout), (0, "loops/io-0\n"), found.stderr)

    def test_health_of_a_loop_that_is_not_there(self):
        self.assertEqual(self.ctl_fails(self.daemon, 3, "health", "nobody")["reason"], "LOOP_NOT_FOUND")

    def test_wrong_usage(self):
        for arguments, told in ((["frobnicate", "io-0"], "there is no command 'frobnicate'; there are ls describe ps"),
                                (["stop"], "stop: loop is required"),
                                (["ls", "--bogus"], "evloopctl ls does not take '--bogus'"),
                                (["-o", "xml", "ls"], "--output: must be json, name, table or wide, not 'xml'")):
            result = self.daemon.ctl(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(told, result.stderr)
            self.assertIn("hint: evloopctl", result.stderr)
        self.assertIn("Examples:", self.ok("stop", "--help"))


if __name__ == "__main__":
    harness.main()
