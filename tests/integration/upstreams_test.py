"""A proxy that watches its upstreams by HTTP, in a daemon."""

import http.server
import threading
import urllib.request

import harness

CONFIG = """
version: 1
loops: [{{names: "io-{{index}}", count: 2}}]
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{upstreams}]
    check: {{kind: http, path: /healthz, statuses: [200], interval: 50ms, timeout: 5s, rise: 2, fall: 2}}
metrics: {{address: "127.0.0.1:0"}}
"""


class Server:
    """Answers with its name, and to health checks what it is told to."""

    def __init__(self, name):
        self.status = 200
        self.checks = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                check = self.path == "/healthz"
                outer.checks += check
                body = name.encode()
                self.send_response(outer.status if check else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Upstreams(harness.DaemonTest):
    def setUp(self):
        self.servers = [Server(name) for name in ("a", "b")]
        for server in self.servers:
            self.addCleanup(server.close)
        upstreams = ", ".join(f'{{address: "127.0.0.1:{server.port}"}}' for server in self.servers)
        self.daemon = self.start(CONFIG.format(upstreams=upstreams))
        self.port = self.daemon.port("front")

    def answers(self, count=6):
        return {harness.http_get(self.port)[1] for _ in range(count)}

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.metrics_port()}/metrics", timeout=30) as answer:
            return answer.read().decode()

    def test_one_that_fails_its_checks_gets_no_client_until_it_is_well(self):
        names = self.answers()
        self.assertEqual(len(names), 2)
        ill, well = self.servers
        ill.status = 503
        label = f'upstream="127.0.0.1:{ill.port}",state="down"}} 1'
        harness.wait_until(lambda: label in self.metrics(), "it is down")
        self.assertEqual(len(self.answers()), 1)
        ill.status = 200
        harness.wait_until(lambda: label not in self.metrics(), "it is up")
        self.assertEqual(self.answers(), names)

    def test_a_new_list_is_used_from_the_next_client_on(self):
        self.assertEqual(len(self.answers()), 2)
        stays = f"127.0.0.1:{self.servers[1].port}"
        table = self.daemon.ctl("upstreams", "front", "set", f"{stays}=3")
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertIn(stays, table.stdout)
        self.assertEqual(self.answers(), {"b"})
        pool = self.daemon.ctl_json("upstreams", "front")
        upstream = next(each for each in pool["upstreams"] if each["name"] == stays)
        self.assertEqual(upstream["weight"], 3)
        self.assertEqual(self.daemon.ctl_json("upstreams", "front")["queue_length"], "0")
        self.assertEqual(self.daemon.ctl("upstreams", "front", "set", f"{stays}", "dns:none").returncode, 2)
        error = self.ctl_fails(self.daemon, 2, "upstreams", "front", "set", stays, "localhost:80")
        self.assertEqual(error["metadata"]["field"], "upstreams[1].address")
        self.assertEqual(self.answers(), {"b"}, "a wrong list changes nothing")
        self.ctl_fails(self.daemon, 7, "upstreams", "front", "set", stays, socket_path=self.daemon.observe)

    def test_another_loop_checks_when_one_is_stopped(self):
        server = self.servers[0]
        harness.wait_until(lambda: server.checks > 0, "the first check")
        for loop in ("io-0", "io-1"):
            self.assertEqual(self.daemon.ctl("stop", loop).returncode, 0)
            seen = server.checks
            harness.wait_until(lambda: server.checks > seen + 5, f"checks go on without {loop}")
            self.assertEqual(self.daemon.ctl("start", loop).returncode, 0)


if __name__ == "__main__":
    harness.main()
