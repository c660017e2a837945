"""What a daemon costs that has nothing to do."""

import pathlib
import time

import harness

CONFIG = """
version: 1
loops: [{names: "io-{index}", count: 4}]
workloads: [{name: echo, kind: tcp.echo, listen: [{address: "127.0.0.1:0"}]}]
metrics: {address: "127.0.0.1:0"}
"""
SECONDS = 5


class Idle(harness.DaemonTest):
    def times_slept(self, daemon):
        """How often each thread has gone to sleep, ever."""
        slept = {}
        for thread in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir():
            lines = (thread / "status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            slept[f"{status['Name']} {thread.name}"] = int(status["voluntary_ctxt_switches"])
        return slept

    def test_it_wakes_up_less_than_five_times_a_second(self):
        daemon = self.start(CONFIG)
        with harness.connect(daemon.port("echo")):  # a connection that is silent costs nothing more
            time.sleep(1)  # the observer rests when it has seen nothing for a while
            before = self.times_slept(daemon)
            time.sleep(SECONDS)
            after = self.times_slept(daemon)
        woken = {thread: count - before.get(thread, 0) for thread, count in after.items()}
        self.assertLess(sum(woken.values()), 5 * SECONDS, woken)

    def test_it_is_small(self):
        daemon = self.start(CONFIG)
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        self.assertLess(resident, 40 * 1024, "KiB")


if __name__ == "__main__":
    harness.main()
