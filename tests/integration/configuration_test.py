"""evloopd's command line and configuration: what it refuses, how it says so, and with which exit status."""

import pathlib
import tempfile

import harness

GOOD = """
version: 1
daemon: {name: edge-a, shutdown: {drain: 5s}}
loops: [{names: "io-{index}", count: 2, labels: {zone: north}}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {address: "127.0.0.1:0"}
"""
BAD = """version: 1
daemon: {shutdown: {drain: 5}}
loops: [{names: "io-{index}", count: 2, colour: red}]
workloads:
  - name: echo
    kind: tcp.ecko
    listen: [{address: "127.0.0.1"}]
"""


class Configuration(harness.DaemonTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="evloopd-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, text):
        path = self.folder / "evloopd.yaml"
        path.write_text(text)
        return str(path)

    def evloopd(self, *arguments, **variables):
        variables.setdefault("RUNTIME_DIRECTORY", str(self.folder / "run"))
        return harness.run(harness.EVLOOPD, *arguments, env=harness.environment(**variables))

    def test_every_problem_is_told_with_its_place(self):
        path = self.write(BAD)
        for arguments in (["--check-config", "--config", path], ["--config", path]):
            result = self.evloopd(*arguments)
            self.assertEqual(result.returncode, 78, result.stderr)
            lines = result.stderr.splitlines()
            self.assertRegex(lines[0], rf"^{path}:2:28: daemon\.shutdown\.drain: .*unit")
            self.assertRegex(lines[1], rf"^{path}:3:41: .*colour")
            self.assertRegex(lines[2], rf"^{path}:6:11: workloads\[0\]\.kind: .*tcp\.echo")
            self.assertRegex(lines[3], rf"^{path}:7:24: workloads\[0\]\.listen\[0\]\.address: .*port")
            self.assertIn("4 problems", lines[4])
            self.assertEqual(len(lines), 5)

    def test_a_file_that_is_not_there(self):
        missing = str(self.folder / "missing.yaml")
        result = self.evloopd("--config", missing)
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"{missing}: cannot be read: No such file or directory", result.stderr)

    def test_a_good_file_has_no_problems(self):
        result = self.evloopd("--check-config", "--config", self.write(GOOD))
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("no problems", result.stderr)
        self.assertFalse((self.folder / "run").exists(), "nothing is made by checking")

    def test_what_is_printed_loads_back(self):
        printed = self.evloopd("--print-config", "--config", self.write(GOOD))
        self.assertEqual(printed.returncode, 0, printed.stderr)
        again = self.evloopd("--print-config", "--config", self.write(printed.stdout))
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(again.stdout, printed.stdout)
        daemon = self.start(printed.stdout.replace(str(self.folder / "run"), str(self.folder / "other")))
        listed = daemon.ctl("-o", "name", "ls", socket_path=str(self.folder / "other" / "admin.sock"))
        self.assertEqual(listed.stdout, "loops/io-0\nloops/io-1\n", listed.stderr)

    def test_all_samples_are_good(self):
        config = harness.PROJECT / "config"
        samples = [config / "evloopd.yaml", *sorted((config / "samples").glob("*.yaml"))]
        self.assertGreater(len(samples), 2)
        for sample in samples:
            result = self.evloopd("--check-config", "--config", str(sample))
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_an_environment_variable_names_the_file(self):
        result = self.evloopd("--check-config", EVLOOPD_CONFIG=self.write(BAD))
        self.assertEqual(result.returncode, 78)

    def test_wrong_usage(self):
        for arguments, told in ((["--frobnicate", "x"], "it does not take '--frobnicate x'"),
                                (["extra"], "it does not take 'extra'"), (["--config"], "--config: ")):
            result = self.evloopd(*arguments)
            self.assertEqual(result.returncode, 64, arguments)
            self.assertIn(f"evloopd: {told}", result.stderr)
            self.assertIn("hint: evloopd --help", result.stderr)
        shown = self.evloopd("--version")
        self.assertEqual(shown.returncode, 0)
        self.assertRegex(shown.stdout, r"^evloopd \d+\.\d+\.\d+\n$")
        shown = self.evloopd("--help")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("--check-config", shown.stdout)

    def test_an_address_in_use_ends_the_start_and_is_named(self):
        with harness.listen() as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for who, setting in (("workload echo: ", 'listen: [{address: "127.0.0.1:0"}]'),
                                 ("metrics: ", 'metrics: {address: "127.0.0.1:0"}')):
                text = GOOD.replace(setting, setting.replace("127.0.0.1:0", address))
                result = self.evloopd("--config", self.write(text))
                self.assertEqual(result.returncode, 70, result.stderr)
                self.assertIn(who, result.stderr)
                self.assertIn(f"on address {address}: Address already in use", result.stderr)

    def test_a_folder_that_cannot_be_made_for_the_sockets_is_named(self):
        missing = str(self.folder / "no" / "such" / "folder")
        result = self.evloopd("--config", self.write(GOOD), RUNTIME_DIRECTORY=missing)
        self.assertEqual(result.returncode, 70, result.stderr)
        self.assertIn(f"control socket '{missing}/admin.sock': cannot make its folder", result.stderr)

    def test_a_second_daemon_leaves_the_firsts_sockets_alone(self):
        first = self.start(GOOD)
        second = self.evloopd("--config", self.write(GOOD), RUNTIME_DIRECTORY=str(first.run))
        self.assertEqual(second.returncode, 70)
        self.assertIn("another process serves it", second.stderr)
        self.assertEqual(first.ctl("health").returncode, 0)


if __name__ == "__main__":
    harness.main()
