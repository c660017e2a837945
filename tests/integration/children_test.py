"""Programs that the daemon runs as health checks, while it answers gRPC calls and carries traffic.

EVLOOPD_CHILDREN says how many; ten thousand: `cmake --build --preset release --target children_stress`.
"""

import os
import pathlib
import re
import time
import urllib.request

import harness
import reflection

CHILDREN = int(os.environ.get("EVLOOPD_CHILDREN", "200"))
PATIENCE = 30 + CHILDREN / 50
ADDRESSES = 8

CONFIG = """
version: 1
daemon: {{exec_checks: true}}
loops: [{{names: "io-{{index}}", count: 2}}]
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{upstreams}]
    check: {{kind: exec, command: ["/bin/true"], interval: 10ms, timeout: 30s}}
metrics: {{address: "127.0.0.1:0"}}
"""


def zombies_of(pid):
    """Children of that process that have ended and were not reaped."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has gone meanwhile
        if int(parent) == pid and state == "Z":
            found.append(path.parent.name)
    return found


class Children(harness.DaemonTest):
    def test_are_started_and_reaped_while_calls_are_answered(self):
        backends = [harness.Backend(f"web-{i}") for i in range(ADDRESSES)]
        for backend in backends:
            self.addCleanup(backend.close)
        upstreams = ", ".join(f'{{address: "127.0.0.1:{backend.port}"}}' for backend in backends)
        daemon = self.start(CONFIG.format(upstreams=upstreams))
        client = reflection.Client(daemon.observe)
        self.addCleanup(client.close)
        url = f"http://127.0.0.1:{daemon.metrics_port()}/metrics"

        def checks():
            text = urllib.request.urlopen(url, timeout=30).read().decode()
            counts = re.findall(r'^evloopd_upstream_checks_total\{.*result="(\w+)"\} (\d+)$', text, re.MULTILINE)
            return {result: sum(int(count) for name, count in counts if name == result) for result, _ in counts}

        harness.wait_until(lambda: checks().get("passed"), "a check has passed")
        descriptors = len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
        calls = 0
        end = time.monotonic() + PATIENCE
        while (done := checks())["passed"] < CHILDREN:
            self.assertLess(time.monotonic(), end, f"{done} of {CHILDREN} children")
            for _ in range(20):
                self.assertEqual(len(client.call("LoopService", "ListLoops").loops), 2)
                calls += 1
            self.assertEqual(harness.http_get(daemon.port("front"))[0], 200)
        print(f"{done['passed']} children, {calls} calls", flush=True)
        self.assertEqual(done["failed"], 0, "no exit status was lost or wrong")
        harness.wait_until(lambda: not zombies_of(daemon.process.pid), "all are reaped")
        self.assertLess(len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir())), descriptors + 2 * ADDRESSES)


if __name__ == "__main__":
    harness.main()
