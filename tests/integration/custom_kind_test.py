"""A daemon with a kind of workload of its own, tests/custom_kind, is built against an installation, as its author would
build it, and used."""

import json
import pathlib
import re
import socket
import subprocess
import tempfile

import harness

BUILD_PATIENCE = 280  # seconds

CONFIG = """
version: 1
loops: {count: 2}
metrics: {address: "127.0.0.1:0"}
workloads:
  - name: loud
    kind: tcp.shout
    listen: [{address: "127.0.0.1:0"}]
    times: 2
"""


def must(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=BUILD_PATIENCE,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder):
    """Of the build that the daemon is from, and with its compiler."""
    source = harness.PROJECT / "tests/custom_kind"
    tree = pathlib.Path(harness.EVLOOPD).parents[1]
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", (tree / "CMakeCache.txt").read_text(), re.MULTILINE)[1]
    for component in "evloop", "evloopd-dev":
        must("cmake", "--install", tree, "--component", component, "--prefix", folder / "prefix")
    must("cmake", "-G", "Ninja", "-S", source, "-B", folder / "build", f"-DCMAKE_CXX_COMPILER={compiler}",
         f"-DCMAKE_PREFIX_PATH={folder / 'prefix'}")
    must("cmake", "--build", folder / "build")
    return str(folder / "build/shoutd")


class CustomKind(harness.DaemonTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="evloopd-")
        cls.addClassCleanup(cls.scratch.cleanup)
        harness.EVLOOPD = build(pathlib.Path(cls.scratch.name))

    def ask(self, port):
        with socket.create_connection(("127.0.0.1", port), harness.PATIENCE) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                return answer.read()

    def check(self, config):
        path = pathlib.Path(self.scratch.name) / "checked.yaml"
        path.write_text(config)
        return harness.run(harness.EVLOOPD, "--check-config", "--config", str(path))

    def test_its_options_are_checked_and_described_as_those_of_the_built_in_ones(self):
        self.assertEqual(self.check(CONFIG).returncode, 0)
        wrong = self.check(CONFIG.replace("times: 2", "times: 11"))
        self.assertEqual(wrong.returncode, 78)
        self.assertIn(':9:12: workloads[0].times: must be a whole number from 1 to 10, got "11"', wrong.stderr)
        schema = json.loads(harness.run(harness.EVLOOPD, "--print-schema").stdout)
        self.assertEqual(schema["definitions"]["tcp_shout"]["properties"]["times"]["maximum"], 10)
        self.assertIn({"$ref": "#/definitions/tcp_proxy"}, schema["properties"]["workloads"]["items"]["oneOf"])

    def test_it_serves_is_shown_measured_and_changed_while_it_runs(self):
        daemon = self.start(CONFIG)
        port = daemon.port("loud")
        self.assertEqual(self.ask(port), b"HELLOHELLO")
        workload = daemon.ctl_json("describe", "workloads/loud")
        self.assertEqual(workload["kind"], "tcp.shout")
        self.assertIn({"name": "Times", "value": "2"}, workload["facts"])
        self.assertIn("Times", daemon.ctl("describe", "workloads/loud").stdout)
        with socket.create_connection(("127.0.0.1", daemon.metrics_port()), harness.PATIENCE) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            with client.makefile("r") as answer:
                self.assertIn('evloopd_workload_shout_times{workload="loud"} 2', answer.read())

        changed = pathlib.Path(self.scratch.name) / "changed.yaml"
        changed.write_text("name: loud\nkind: tcp.shout\nlisten: [{address: \"127.0.0.1:0\"}]\ntimes: 3\n")
        result = daemon.ctl("apply", "-f", str(changed))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.ask(port), b"HELLOHELLOHELLO")


if __name__ == "__main__":
    harness.main()
