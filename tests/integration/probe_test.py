"""Probes of real servers: the configuration of its page, going down and coming back, gRPC's health service, changes and
drains while it runs."""

import concurrent.futures
import json
import pathlib
import re
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
import urllib.request

import grpc

import harness

PAGE = harness.PROJECT / "daemon/workloads/probe/README.md"

CONFIG = """
version: 1
loops: {{names: "io-{{index}}", count: 2}}
workloads:
{workloads}
metrics: {{address: "127.0.0.1:0"}}
"""
QUICK = "interval: 50ms, failing_interval: 20ms, timeout: 5s, rise: 2, fall: 2"


def probe(*targets):
    lines = "".join(f"      - {target}\n" for target in targets)
    return f"  - name: watch\n    kind: probe\n    targets:\n{lines}"


def web(port):
    return f'  - {{name: web, kind: http.respond, listen: [{{address: "127.0.0.1:{port}"}}], body: fine}}\n'


class Lines(socketserver.StreamRequestHandler):
    """Answers PING as Redis does."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"+PONG\r\n" if line == b"PING\r\n" else b"-ERR\r\n")


class Names(socketserver.BaseRequestHandler):
    """A name server to whom every name is 10.1.2.3."""

    def handle(self):
        query, sock = self.request
        end = query.index(b"\0", 12) + 5
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([10, 1, 2, 3])
        sock.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + query[12:end] + answer, self.client_address)


class Health:
    """A gRPC server with a health service: what each service is, by its name. The messages are made by hand, as Debian
    has no package of them."""

    def __init__(self):
        self.services = {"": 1}
        handler = grpc.unary_unary_rpc_method_handler(self._check)
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _check(self, request, context):
        name = request[2:].decode()
        if name not in self.services:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {name}")
        return bytes([8, self.services[name]])

    def close(self):
        self._server.stop(None).wait()


class Probe(harness.DaemonTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def serve(self, server, handler):
        """A server of socketserver's in a thread. Answers its port."""
        running = server(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()

        def close():
            running.shutdown()
            thread.join()
            running.server_close()
        self.addCleanup(close)
        return running.server_address[1]

    def tls_server(self, name, newest=ssl.TLSVersion.TLSv1_3):
        """A server of HTTPS that answers 200 to everything. Answers its port and the certificate's file."""
        path = self.folder / f"{name}.pem"
        done = harness.run(harness.need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-keyout", f"{path}.key", "-out", str(path), "-days", "2", "-subj", f"/CN={name}",
                           "-addext", f"subjectAltName=DNS:{name}")
        self.assertEqual(done.returncode, 0, done.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = newest
        context.load_cert_chain(path, f"{path}.key")

        class Https(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with context.wrap_socket(self.request, server_side=True) as client:
                        client.recv(4096)
                        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    pass  # who only wanted the handshake has left

        return self.serve(socketserver.ThreadingTCPServer, Https), path

    def health(self):
        server = Health()
        self.addCleanup(server.close)
        return server

    def scrape(self, daemon):
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics_port()}/metrics",
                                    timeout=harness.PATIENCE) as answer:
            return answer.read().decode()

    def series(self, daemon, name, target, more=""):
        text = f'evloopd_workload_{name}{{workload="watch",target="{target}"{more}}} '
        values = [line[len(text):] for line in self.scrape(daemon).splitlines() if line.startswith(text)]
        return float(values[0]) if values else None

    def attempts(self, daemon, target):
        return sum(self.series(daemon, "probe_attempts_total", target, f',result="{result}"')
                   for result in ("passed", "failed"))

    def facts(self, daemon):
        return {fact["name"]: fact["value"] for fact in daemon.ctl_json("describe", "workloads/watch")["facts"]}

    def wait_for_fact(self, daemon, target, begin, *parts):
        def found():
            fact = self.facts(daemon).get(target, "")
            return fact.startswith(begin) and all(part in fact for part in parts)
        harness.wait_until(found, f"{target} is {begin} with {parts}; it is {self.facts(daemon)}")

    def apply(self, daemon, workloads):
        path = self.folder / "applied.yaml"
        path.write_text(f"workloads:\n{workloads}")
        return daemon.ctl("apply", "-f", str(path))

    def test_the_configuration_of_its_page_watches_real_servers(self):
        config = re.search(r"```yaml\n(version: 1\n.*?)```", PAGE.read_text(), re.DOTALL)[1]
        https, certificate = self.tls_server("localhost")
        health = self.health()
        health.services["shop.v1.Orders"] = 1
        places = {"www.example.org:443": f"localhost:{https}", "api.internal:50051": f"localhost:{health.port}",
                  "10.0.0.7:6379": f"127.0.0.1:{self.serve(socketserver.ThreadingTCPServer, Lines)}",
                  "10.0.0.2:53": f"127.0.0.1:{self.serve(socketserver.ThreadingUDPServer, Names)}"}
        for written, real in places.items():
            self.assertIn(written, config)
            config = config.replace(f'"{written}"', f'"{real}"')
        daemon = self.start(config + 'metrics: {address: "127.0.0.1:0"}\n', SSL_CERT_FILE=str(certificate))
        for target, said in (("site", "status 200"), ("certificate", "TLS handshake done"), ("api", "SERVING"),
                             ("redis", "it answers as expected"), ("resolver", "answers 10.1.2.3")):
            self.wait_for_fact(daemon, target, "up since ", said)
            self.assertEqual(self.series(daemon, "probe_up", target), 1)
            self.assertTrue(daemon.records(f"workload watch: target {target} is up: {said}"))
        table = daemon.ctl("describe", "workloads/watch").stdout
        self.assertRegex(table, r"resolver: +up since [-0-9]+ [:0-9]+Z: answers 10\.1\.2\.3 in [.0-9]+ ms")
        lint = subprocess.run([harness.need("promtool"), "check", "metrics"], input=self.scrape(daemon),
                              capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
        self.assertEqual((lint.returncode, lint.stdout + lint.stderr), (0, ""))

    def test_a_target_goes_down_and_comes_back(self):
        port, = harness.free_ports(1)
        target = f'{{name: site, address: "localhost:{port}", check: {{kind: http, body: fine, {QUICK}}}}}'
        daemon = self.start(CONFIG.format(workloads=web(port) + probe(target)))
        self.wait_for_fact(daemon, "site", "up since ", "status 200")
        self.assertEqual(self.series(daemon, "probe_up", "site"), 1)
        self.assertEqual(daemon.ctl("rm", "workloads/web").returncode, 0)
        self.wait_for_fact(daemon, "site", "down since ", "refused")
        self.assertEqual(self.series(daemon, "probe_up", "site"), 0)
        failed = self.series(daemon, "probe_attempts_total", "site", ',result="failed"')
        self.assertGreaterEqual(failed, 2)
        down = [record for record in map(json.loads, daemon.log().splitlines())
                if record["message"].startswith("workload watch: target site is down: ")]
        self.assertEqual([record["level"] for record in down], ["warning"])
        self.assertEqual(self.apply(daemon, web(port)).returncode, 0)
        self.wait_for_fact(daemon, "site", "up since ", "status 200")
        up = daemon.records("workload watch: target site is up: status 200")
        self.assertEqual([record["level"] for record in up], ["info", "info"])
        self.assertRegex(self.facts(daemon)["site changed"], r"^[-0-9]+ [:0-9]+Z up: .*Z down: .*refused.*Z up: ")

    def test_grpc_services_are_asked_for_their_health(self):
        health = self.health()
        where = f'address: "127.0.0.1:{health.port}"'
        own = 'address: "unix:${RUNTIME_DIRECTORY}/observe.sock"'
        daemon = self.start(CONFIG.format(workloads=probe(
            f"{{name: server, {where}, check: {{kind: grpc, {QUICK}}}}}",
            f"{{name: nobody, {where}, check: {{kind: grpc, service: no.such, {QUICK}}}}}",
            f"{{name: daemon, {own}, check: {{kind: grpc, authority: localhost, {QUICK}}}}}",
            f"{{name: loop, {own}, check: {{kind: grpc, service: evloopd.loops/io-1, {QUICK}}}}}",
            f"{{name: none, {own}, check: {{kind: grpc, service: evloopd.loops/io-9, {QUICK}}}}}")))
        for target in ("server", "daemon", "loop"):
            self.wait_for_fact(daemon, target, "up since ", "SERVING")
        self.wait_for_fact(daemon, "nobody", "down since ", "NOT_FOUND: unknown service no.such")
        self.wait_for_fact(daemon, "none", "down since ", "NOT_FOUND")
        health.services[""] = 2
        self.wait_for_fact(daemon, "server", "down since ", "NOT_SERVING")
        self.assertEqual(daemon.ctl("stop", "io-1").returncode, 0)
        self.wait_for_fact(daemon, "loop", "down since ", "NOT_SERVING")
        health.close()
        self.wait_for_fact(daemon, "server", "down since ", "refused")

    def test_an_upstream_is_asked_for_its_health_too(self):
        health = self.health()
        daemon = self.start(CONFIG.format(workloads=f"""
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{{address: "127.0.0.1:{health.port}"}}]
    check: {{kind: grpc, interval: 20ms, timeout: 5s, rise: 1, fall: 1}}
"""))

        def state():
            return daemon.ctl_json("upstreams", "front")["upstreams"][0]["endpoints"][0]["state"]
        checks = 'evloopd_upstream_checks_total{workload="front",upstream="127.0.0.1:%d",result="passed"} 0' % health.port
        harness.wait_until(lambda: checks not in self.scrape(daemon), "it has passed")
        self.assertRegex(state(), "UP$")
        health.services[""] = 2
        harness.wait_until(lambda: state().endswith("DOWN"), "it is down")

    def test_tls_is_of_a_version_and_for_a_name(self):
        port, certificate = self.tls_server("app.internal", ssl.TLSVersion.TLSv1_2)
        check = f'server_name: app.internal, ca: "{certificate}", {QUICK}'
        where = f'address: "127.0.0.1:{port}"'
        daemon = self.start(CONFIG.format(workloads=probe(
            f"{{name: any, {where}, check: {{kind: tls, {check}}}}}",
            f'{{name: new, {where}, check: {{kind: tls, minimum_version: "1.3", {check}}}}}',
            f"{{name: other, {where}, check: {{kind: tls, {check.replace('app', 'other', 1)}}}}}")))
        self.wait_for_fact(daemon, "any", "up since ", "TLS handshake done")
        self.wait_for_fact(daemon, "new", "down since ", "alert protocol version")
        self.wait_for_fact(daemon, "other", "down since ", "ostname mismatch")

    def test_a_new_list_leaves_the_targets_that_stay_alone(self):
        port, = harness.free_ports(1)

        def target(name):
            return f'{{name: {name}, address: "127.0.0.1:{port}", check: {{kind: tcp, {QUICK}}}}}'
        daemon = self.start(CONFIG.format(workloads=web(port) + probe(target("a"), target("b"))))
        self.wait_for_fact(daemon, "a", "up since ")
        since = self.facts(daemon)["a"].partition(": ")[0]
        attempts = self.attempts(daemon, "a")
        unchanged = self.apply(daemon, probe(target("a"), target("b")))
        self.assertIn("unchanged", unchanged.stdout)
        updated = self.apply(daemon, probe(target("c"), target("a")))
        self.assertIn("updated", updated.stdout)
        self.wait_for_fact(daemon, "c", "up since ")
        facts = self.facts(daemon)
        self.assertNotIn("b", facts)
        self.assertEqual(facts["a"].partition(": ")[0], since)
        self.assertGreaterEqual(self.attempts(daemon, "a"), attempts)
        wrong = self.apply(daemon, probe(target("a").replace("tcp", "ftp")))
        self.assertEqual(wrong.returncode, 9, wrong.stdout + wrong.stderr)
        self.assertIn("check.kind: must be tcp, tls, http, expect, grpc or dns", wrong.stderr)

    def test_its_loop_may_be_drained_stopped_and_started(self):
        port, = harness.free_ports(1)
        target = f'{{name: a, address: "127.0.0.1:{port}", check: {{kind: tcp, {QUICK}}}}}'
        daemon = self.start(CONFIG.format(workloads=web(port) + probe(target)))
        self.wait_for_fact(daemon, "a", "up since ")
        for command in ("drain", "stop"):
            self.assertEqual(daemon.ctl(command, "io-0").returncode, 0)
            before = self.attempts(daemon, "a")
            self.assertEqual(daemon.ctl("start", "io-0").returncode, 0)
            harness.wait_until(lambda: self.attempts(daemon, "a") > before + 2, f"it is probed again after a {command}")

    def test_a_probe_that_hangs_holds_up_a_drain_no_longer_than_its_timeout(self):
        listener = harness.listen()
        self.addCleanup(listener.close)
        where = f'address: "127.0.0.1:{listener.getsockname()[1]}"'
        check = "check: {kind: expect, expect: hello, timeout: 1s, interval: 20ms, fall: 1}"
        daemon = self.start(CONFIG.format(workloads=probe(f"{{name: silent, {where}, {check}}}")))
        self.wait_for_fact(daemon, "silent", "down since ", "no answer within 1000 ms")
        drained = daemon.ctl("drain", "workloads/watch")
        self.assertEqual(drained.returncode, 0, drained.stdout + drained.stderr)
        self.assertEqual(daemon.ctl("describe", "workloads/watch").returncode, 3)
        with socket.create_connection(("127.0.0.1", daemon.metrics_port()), harness.PATIENCE):
            pass  # and the daemon is well


if __name__ == "__main__":
    harness.main()
