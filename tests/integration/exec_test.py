"""Programs that a daemon runs: the configuration of their page, the switch that allows them, their output, changes, and
that none is left when their workload, loop or daemon ends."""

import json
import pathlib
import re
import signal
import subprocess
import tempfile
import urllib.request

import harness

PAGE = harness.PROJECT / "daemon/workloads/exec/README.md"

CONFIG = """
version: 1
daemon: {{exec_workloads: {allowed}}}
loops: {{names: "io-{{index}}", count: 2}}
workloads: {workloads}
metrics: {{address: "127.0.0.1:0"}}
"""
# A program with a child of its own, both in no hurry to end.
FAMILY = "trap '' TERM; sleep 1000 & echo child $!; while :; do sleep 0.05; done"


def program(name, script, keys=""):
    return f'{{name: {name}, command: [/bin/sh, -c, {json.dumps(script)}]{keys}}}'


def jobs(*programs, loop="io-0"):
    return f'\n  - {{name: jobs, kind: exec, loops: [{loop}], programs: [{", ".join(programs)}]}}\n'


def is_gone(pid):
    """Ended, be it reaped or not."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


class Exec(harness.DaemonTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_jobs(self, *programs, allowed="true"):
        return self.start(CONFIG.format(allowed=allowed, workloads=jobs(*programs)))

    def scrape(self, daemon):
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics_port()}/metrics",
                                    timeout=harness.PATIENCE) as answer:
            return answer.read().decode()

    def series(self, daemon, name, program_name, more=""):
        text = f'evloopd_workload_exec_{name}{{workload="jobs",program="{program_name}"{more}}} '
        values = [line[len(text):] for line in self.scrape(daemon).splitlines() if line.startswith(text)]
        return float(values[0]) if values else None

    def facts(self, daemon):
        return {fact["name"]: fact["value"] for fact in daemon.ctl_json("describe", "workloads/jobs")["facts"]}

    def wait_for_fact(self, daemon, name, *parts):
        harness.wait_until(lambda: all(part in self.facts(daemon).get(name, "") for part in parts),
                           f"{name} has {parts}; all: {self.facts(daemon)}")
        return self.facts(daemon)[name]

    def pids(self, daemon, name):
        """A program that is a FAMILY: its pid and its child's."""
        child = self.wait_for_fact(daemon, f"{name} stdout", "child ").splitlines()[0].split()[1]
        pid = re.match(r"runs as pid (\d+) ", self.wait_for_fact(daemon, name, "runs as pid "))[1]
        self.addCleanup(lambda: [subprocess.run(["kill", "-9", each], check=False, capture_output=True)
                                 for each in (pid, child)])
        return pid, child

    def apply(self, daemon, workloads):
        path = self.folder / "applied.yaml"
        path.write_text(f"workloads: {workloads}")
        return daemon.ctl("apply", "-f", str(path))

    def test_the_configuration_of_its_page_runs_programs(self):
        config = re.search(r"```yaml\n(version: 1\n.*?)```", PAGE.read_text(), re.DOTALL)[1]
        port, = harness.free_ports(1)
        self.assertIn('"8099"', config)
        daemon = self.start(config.replace('"8099"', f'"{port}"') + 'metrics: {address: "127.0.0.1:0"}\n')
        self.wait_for_fact(daemon, "files stdout", "Serving HTTP on 127.0.0.1")
        self.assertEqual(harness.http_get(port)[0], 200)
        self.wait_for_fact(daemon, "disk", "is started again at ", "exited with 0, after ")
        self.wait_for_fact(daemon, "greeting", "is over; started 1 time; the last one exited with 0")
        self.assertTrue(daemon.records("workload jobs: program greeting stdout: good morning, this is done once"))
        self.assertTrue([line for line in daemon.log().splitlines() if "program disk stdout: Filesystem" in line])
        table = daemon.ctl("describe", "workloads/jobs").stdout
        self.assertRegex(table, r"\nfiles: +runs as pid \d+ since [-0-9]+ [:0-9]+Z; started 1 time\n")
        self.assertRegex(table, r"\ndisk stdout: +Filesystem .*\n {15}\S", "each line stands below the one before")
        self.assertEqual(self.series(daemon, "running", "files"), 1)
        self.assertEqual(self.series(daemon, "ends_total", "disk", ',result="succeeded"'), 1)
        warning, = [record for record in map(json.loads, daemon.log().splitlines())
                    if record["message"].startswith("daemon.exec_workloads is true")]
        self.assertEqual(warning["level"], "warning")
        self.assertIn("in no sandbox", warning["message"])
        lint = subprocess.run([harness.need("promtool"), "check", "metrics"], input=self.scrape(daemon),
                              capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
        self.assertEqual((lint.returncode, lint.stdout + lint.stderr), (0, ""))

    def test_nothing_is_run_unless_the_file_allows_it(self):
        marker = self.folder / "was-run"
        wanted = jobs(program("a", f"touch {marker}"))
        file = self.folder / "evloopd.yaml"
        file.write_text(CONFIG.format(allowed="false", workloads=wanted))
        refused = harness.run(harness.EVLOOPD, "--config", str(file))
        self.assertEqual(refused.returncode, 78, refused.stdout + refused.stderr)
        self.assertIn("workloads[0].kind: must not be exec: daemon.exec_workloads is false", refused.stderr)
        daemon = self.start(CONFIG.format(allowed="false", workloads="[]"))
        self.assertNotIn("sandbox", daemon.log())
        refused = self.apply(daemon, wanted)
        self.assertEqual(refused.returncode, 9, refused.stdout + refused.stderr)
        self.assertIn("kind: must not be exec: daemon.exec_workloads is false", refused.stderr)
        self.assertEqual(daemon.ctl("describe", "workloads/jobs").returncode, 3)
        self.assertFalse(marker.exists())

    def test_what_is_wrong_with_a_program_is_told(self):
        daemon = self.start(CONFIG.format(allowed="true", workloads="[]"))
        refused = self.apply(daemon, jobs("{name: a, command: [bin/a], mode: schedule}"))
        self.assertEqual(refused.returncode, 9, refused.stdout + refused.stderr)
        self.assertIn("programs[0].interval: is missing", refused.stderr)
        self.assertIn("must be an absolute path, or a name to be looked for in PATH, got \"bin/a\"", refused.stderr)

    def test_one_that_fails_is_started_again(self):
        delays = ", restart_delay: 20ms, restart_delay_max: 50ms"
        daemon = self.run_jobs(program("worker", "echo oops >&2; exit 3", delays))
        harness.wait_until(lambda: self.series(daemon, "ends_total", "worker", ',result="failed"') >= 4, "it failed")
        self.wait_for_fact(daemon, "worker", "exited with 3")
        self.wait_for_fact(daemon, "worker stderr", "oops\noops")
        failed = [record for record in map(json.loads, daemon.log().splitlines())
                  if record["message"].startswith("workload jobs: program worker exited with 3, after ")]
        self.assertEqual({record["level"] for record in failed}, {"warning"})
        self.assertTrue(daemon.records("workload jobs: program worker stderr: oops"))

    def test_a_secret_of_a_file_reaches_it_and_is_not_shown(self):
        (self.folder / "token").write_text("s3cret\n")
        text = program("a", 'test "$TOKEN" = s3cret && test -z "$RUNTIME_DIRECTORY" && echo well',
                       f', mode: once, environment: {{TOKEN: "${{file:{self.folder}/token}}"}}')
        daemon = self.run_jobs(text)
        self.wait_for_fact(daemon, "a stdout", "well")
        self.assertNotIn("s3cret", daemon.ctl("-o", "json", "describe", "workloads/jobs").stdout + daemon.log())

    def test_nothing_is_left_of_a_workload_that_is_removed(self):
        daemon = self.run_jobs(program("family", FAMILY, ", stop_timeout: 100ms"))
        family = self.pids(daemon, "family")
        self.assertEqual(daemon.ctl("rm", "workloads/jobs").returncode, 0)
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")
        harness.wait_until(lambda: "was stopped: was ended by signal 9 (KILL)" in daemon.log(), "its end is told")

    def test_a_drain_waits_for_programs_and_says_so(self):
        daemon = self.run_jobs(program("family", FAMILY, ", stop_timeout: 100ms"))
        family = self.pids(daemon, "family")
        drained = daemon.ctl("drain", "workloads/jobs")
        self.assertEqual(drained.returncode, 0, drained.stdout + drained.stderr)
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")

    def test_a_drain_has_an_end(self):
        daemon = self.run_jobs(program("family", FAMILY, ", stop_timeout: 1h"))
        family = self.pids(daemon, "family")
        daemon.ctl("drain", "workloads/jobs", "--timeout", "100ms")
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")

    def test_nothing_is_left_of_a_daemon_that_is_told_to_end(self):
        daemon = self.run_jobs(program("family", FAMILY, ", stop_timeout: 100ms"),
                               program("polite", "trap 'exit 0' TERM; echo child 1; while :; do sleep 0.05; done"))
        family = self.pids(daemon, "family")
        self.wait_for_fact(daemon, "polite stdout", "child")
        daemon.signal()
        self.assertEqual(daemon.wait(), 0)
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")
        self.assertTrue([line for line in daemon.log().splitlines()
                         if "program polite was stopped: exited with 0" in line])

    def test_a_daemon_in_a_hurry_kills(self):
        daemon = self.run_jobs(program("family", FAMILY, ", stop_timeout: 1h"))
        family = self.pids(daemon, "family")
        daemon.signal()
        harness.wait_until(lambda: daemon.records("stopping"), "it stops")
        daemon.signal(signal.SIGINT)
        self.assertEqual(daemon.wait(), 0)
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")

    def test_a_daemon_whose_loop_stands_leaves_nothing(self):
        daemon = self.run_jobs(program("family", FAMILY))
        family = self.pids(daemon, "family")
        self.assertEqual(daemon.ctl("stop", "io-0").returncode, 0)
        self.assertFalse(any(map(is_gone, family)), "programs go on")
        daemon.signal()
        self.assertEqual(daemon.wait(), 0)
        harness.wait_until(lambda: all(map(is_gone, family)), "all are gone")

    def test_its_loop_may_be_drained_stopped_and_started(self):
        daemon = self.run_jobs(program("worker", "echo child $$; exec sleep 1000"))
        first = self.pids(daemon, "worker")[0]
        self.assertEqual(daemon.ctl("stop", "io-0").returncode, 0)
        self.assertEqual(daemon.ctl("start", "io-0").returncode, 0)
        self.assertEqual(self.pids(daemon, "worker")[0], first, "a stop is no more than a pause")
        self.assertEqual(daemon.ctl("drain", "io-0").returncode, 0)
        self.assertTrue(is_gone(first))
        self.assertEqual(daemon.ctl("start", "io-0").returncode, 0)
        self.wait_for_fact(daemon, "worker", "runs as pid ", "started 2 times")
        self.assertEqual(self.series(daemon, "running", "worker"), 1)

    def test_a_loop_that_is_replaced_hands_its_programs_over(self):
        daemon = self.run_jobs(program("worker", "echo child $$; exec sleep 1000"))
        first = self.pids(daemon, "worker")[0]
        replaced = daemon.ctl("replace", "io-0", "--force")
        self.assertEqual(replaced.returncode, 0, replaced.stdout + replaced.stderr)
        self.wait_for_fact(daemon, "worker", "runs as pid ", "started 2 times")
        self.assertTrue(is_gone(first))
        self.assertEqual(self.series(daemon, "running", "worker"), 1)

    def test_a_new_list_leaves_the_programs_that_stay_alone(self):
        stays, goes = (program(name, "echo child $$; exec sleep 1000") for name in ("stays", "goes"))
        daemon = self.run_jobs(stays, goes)
        kept, gone = self.pids(daemon, "stays")[0], self.pids(daemon, "goes")[0]
        self.assertIn("unchanged", self.apply(daemon, jobs(stays, goes)).stdout)
        comes = program("comes", "echo child $$; exec sleep 1000")
        self.assertIn("updated", self.apply(daemon, jobs(comes, stays)).stdout)
        self.pids(daemon, "comes")
        harness.wait_until(lambda: is_gone(gone), "it is gone")
        self.assertEqual(self.pids(daemon, "stays")[0], kept)
        self.assertNotIn("goes", self.facts(daemon))

    def test_on_another_loop_there_are_never_two_at_once(self):
        lock = self.folder / "lock"
        text = program("worker", f"mkdir {lock} || echo TWO AT ONCE; trap 'rmdir {lock}; exit 0' TERM; echo child $$; "
                                 "while :; do sleep 0.01; done")
        daemon = self.run_jobs(text)
        seen = {self.pids(daemon, "worker")[0]}
        for loop in ("io-1", "io-0", "io-1"):
            self.assertIn("replaced", self.apply(daemon, jobs(text, loop=loop)).stdout)
            harness.wait_until(lambda: self.pids(daemon, "worker")[0] not in seen, "it is started there")
            pid = self.pids(daemon, "worker")[0]
            self.wait_for_fact(daemon, "worker stdout", f"child {pid}")  # it has its trap
            seen.add(pid)
        self.assertNotIn("TWO AT ONCE", daemon.log())
        self.assertEqual(sum(not is_gone(pid) for pid in seen), 1)


if __name__ == "__main__":
    harness.main()
