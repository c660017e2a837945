"""The default configuration, as the README's first command runs it: only its ports are others here."""

import re

import harness

PORTS = ("8080", "8081", "8082", "9464")


class DefaultConfiguration(harness.DaemonTest):
    def start_default(self):
        original = (harness.PROJECT / "config" / "evloopd.yaml").read_text()
        for attempt in range(5):
            ports = dict(zip(PORTS, map(str, harness.free_ports(len(PORTS)))))
            text = re.sub(r":(\d{4})\b", lambda match: ":" + ports[match[1]], original)
            try:
                return self.start(text), {old: int(new) for old, new in ports.items()}
            except AssertionError as error:
                # Somebody else may take such a port before the daemon does.
                if "in use" not in str(error) or attempt == 4:
                    raise

    def test_what_it_says_is_what_runs(self):
        daemon, ports = self.start_default()

        loops = {loop["name"]: loop for loop in daemon.ctl_json("ls")["loops"]}
        self.assertEqual(list(loops), ["loops/io-0", "loops/io-1", "loops/web-0", "loops/web-1"])
        for loop in loops.values():
            self.assertEqual(loop["state"], "LOOP_STATE_RUNNING")
            self.assertTrue(loop["asyncio"]["is_running"])
            self.assertGreater(int(loop["thread"]["id"]), 0)
        self.assertEqual(loops["loops/io-0"]["labels"], {"role": "proxy"})

        workloads = {w["name"]: w for w in daemon.ctl_json("workloads")["workloads"]}
        self.assertEqual(sorted(workloads), ["workloads/front", "workloads/web-a", "workloads/web-b"])
        self.assertEqual(workloads["workloads/front"]["listeners"], [f"127.0.0.1:{ports['8080']}"])

        answers = [harness.http_get(ports["8080"]) for _ in range(10)]
        self.assertEqual({status for status, _ in answers}, {200})
        bodies = [body for _, body in answers]
        self.assertEqual(set(bodies), {"hello from web-a\n", "hello from web-b\n"})
        # In turn on each of its two loops.
        self.assertLessEqual(abs(bodies.count("hello from web-a\n") - bodies.count("hello from web-b\n")), 2)

        def front():
            return {w["name"]: w for w in daemon.ctl_json("workloads")["workloads"]}["workloads/front"]
        self.assertEqual(int(front()["connections_total"]), 10)
        harness.wait_until(lambda: int(front()["bytes_out"]) > 10 * len(bodies[0]), "the bytes are counted")

        curl = harness.run(harness.need("curl"), "--silent", "--show-error", "--fail",
                           f"http://127.0.0.1:{ports['8080']}/")
        self.assertEqual(curl.returncode, 0, curl.stderr)
        self.assertRegex(curl.stdout, "^hello from web-[ab]\n$")

    def test_readiness_is_the_same_to_everybody_who_asks(self):
        daemon, ports = self.start_default()
        self.assertEqual(daemon.ctl("health").stdout, "SERVING\n")
        self.assertEqual(daemon.ctl("health", "web-1").stdout, "SERVING\n")
        self.assertEqual(harness.http_get(ports["9464"], "/readyz")[0], 200)
        status = daemon.ctl("status")
        self.assertEqual(status.returncode, 0)
        self.assertIn("4 (4 RUNNING)", status.stdout)
        self.assertIn(str(daemon.config), status.stdout)


if __name__ == "__main__":
    harness.main()
