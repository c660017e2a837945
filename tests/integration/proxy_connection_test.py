"""The connection side of tcp.proxy: the configuration of its page, and real proxies on both sides of it."""

import contextlib
import json
import pathlib
import re
import ssl
import subprocess
import tempfile
import urllib.request

import harness

PAGE = harness.PROJECT / "daemon/workloads/proxy/README.md"

HEADERS = """
version: 1
daemon: {{shutdown: {{drain: 1s}}}}
loops: [{{names: "io-{{index}}", count: 1}}]
workloads:
  - name: front
    kind: tcp.proxy
    listen: [{{address: "127.0.0.1:0"}}]
    upstreams: [{{address: "127.0.0.1:{upstream}"}}]
    proxy_protocol: {{{proxy_protocol}}}
    access_log: {{path: "{log}"}}
metrics: {{address: "127.0.0.1:0"}}
"""

HAPROXY = """
global
  nbthread 1
defaults
  mode tcp
  timeout connect 10s
  timeout client 30s
  timeout server 30s
listen front
  bind 127.0.0.1:{port} {bind}
  server one 127.0.0.1:{upstream} {server}
"""

NGINX = """
load_module modules/ngx_stream_module.so;
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 64; }}
stream {{
  server {{
    listen 127.0.0.1:{port} {bind};
    proxy_pass 127.0.0.1:{upstream};
    {server}
  }}
}}
"""


class ProxyConnection(harness.DaemonTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.log = self.folder / "access.log"

    def backend(self, name):
        backend = harness.Backend(name)
        self.addCleanup(backend.close)
        return backend

    def certificate(self, name):
        """A file with a certificate that signs itself, and its key."""
        path = self.folder / f"{name}.pem"
        done = harness.run(harness.need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-keyout", f"{path}.key", "-out", f"{path}.crt", "-days", "2", "-subj", f"/CN={name}",
                           "-addext", f"subjectAltName=DNS:{name}")
        self.assertEqual(done.returncode, 0, done.stderr)
        path.write_text(pathlib.Path(f"{path}.crt").read_text() + pathlib.Path(f"{path}.key").read_text())
        return path

    def records(self, count):
        """So many lines of the access log, once they are there."""
        return harness.wait_until(lambda: (lines := self.log.read_text().splitlines())[count - 1:] and
                                  [json.loads(line) for line in lines], f"{count} lines of the access log")

    def get_over_tls(self, port, name):
        context = ssl.create_default_context(cafile=self.folder / f"{name}.pem")
        context.set_alpn_protocols(["http/1.1"])
        with harness.connect(port) as plain, context.wrap_socket(plain, server_hostname=name) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        return answer.rpartition(b"\r\n\r\n")[2].decode()

    def test_the_configuration_of_its_page_works(self):
        all_others, of_b = self.backend("all others"), self.backend("b")
        config = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
        for written, here in {
                '"0.0.0.0:8443"': '"127.0.0.1:0"', "10.0.0.5:8080": f"127.0.0.1:{all_others.port}",
                "10.0.0.6:8080": f"127.0.0.1:{of_b.port}", "/var/log/evloopd/front.log": str(self.log),
                "/etc/evloopd/a.example.pem": str(self.certificate("a.example")),
                "/etc/evloopd/b.example.pem": str(self.certificate("b.example")),
                "send: v2": "send: none",  # http.server does not take it
        }.items():
            self.assertIn(written, config)
            config = config.replace(written, here)
        daemon = self.start(config + 'metrics: {address: "127.0.0.1:0"}\n')
        port = daemon.port("front")
        self.assertEqual(self.get_over_tls(port, "a.example"), "all others")
        self.assertEqual(self.get_over_tls(port, "b.example"), "b")
        records = self.records(2)
        # Two loops write them, in whichever order.
        self.assertEqual(sorted(record["tls_server_name"] for record in records), ["a.example", "b.example"])
        for record in records:
            self.assertEqual(record["tls_version"], "TLSv1.3")
            self.assertEqual(record["tls_alpn"], "http/1.1")
            self.assertEqual(record["workload"], "front")
            self.assertIn(record["reason"], ("client_closed", "upstream_closed"))
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics_port()}/metrics", timeout=harness.PATIENCE) as page:
            text = page.read().decode()
        ended = re.findall(r'^evloopd_workload_connections_ended_total\{.*reason="(\w+)".*\} (\d+)', text, re.MULTILINE)
        self.assertEqual(sum(int(count) for _, count in ended), 2)
        self.assertIn(("access_denied", "0"), ended)
        self.assertIn(f"`{ended[0][0]}`", PAGE.read_text())
        self.assertEqual([reason for reason, _ in ended if f"`{reason}`" not in PAGE.read_text()], [])

    @contextlib.contextmanager
    def other_proxy(self, kind, upstream, bind="", server=""):
        port, = harness.free_ports(1)
        config = self.folder / "other.conf"
        template, command = {"haproxy": (HAPROXY, ["-db", "-f", str(config)]),
                             "nginx": (NGINX, ["-e", "stderr", "-c", str(config)])}[kind]
        config.write_text(template.format(port=port, upstream=upstream, bind=bind, server=server, folder=self.folder))
        process = subprocess.Popen([harness.need(kind), *command], stdin=subprocess.DEVNULL)
        try:
            def answers():
                with contextlib.suppress(OSError), harness.connect(port):
                    return True
            harness.wait_until(answers, f"{kind} listens")
            yield port
        finally:
            process.terminate()
            process.wait(harness.PATIENCE)

    def front(self, upstream, proxy_protocol):
        return self.start(HEADERS.format(upstream=upstream, proxy_protocol=proxy_protocol, log=self.log)).port("front")

    def test_headers_that_haproxy_and_nginx_send_are_understood(self):
        backend = self.backend("back")
        port = self.front(backend.port, 'from: ["127.0.0.1"]')
        for kind, server in ("haproxy", "send-proxy"), ("haproxy", "send-proxy-v2"), \
                ("haproxy", "send-proxy-v2 proxy-v2-options crc32c,authority"), ("nginx", "proxy_protocol on;"):
            with self.subTest(kind=kind, server=server), self.other_proxy(kind, port, server=server) as other:
                self.assertEqual(harness.http_get(other), (200, "back"))
                harness.wait_until(lambda: other in (int(record["listener"].rpartition(":")[2])
                                                     for record in self.records(1)), "the log has it")
        self.assertTrue(all(record["proxy"].startswith("127.0.0.1:") for record in self.records(1)))

    def test_haproxy_and_nginx_understand_headers_that_are_sent(self):
        backend = self.backend("back")
        for kind, bind, version in ("haproxy", "accept-proxy", "v1"), ("haproxy", "accept-proxy", "v2"), \
                ("nginx", "proxy_protocol", "v1"), ("nginx", "proxy_protocol", "v2"):
            with self.subTest(kind=kind, version=version), self.other_proxy(kind, backend.port, bind=bind) as other:
                port = self.front(other, f"send: {version}")
                self.assertEqual(harness.http_get(port), (200, "back"))


if __name__ == "__main__":
    harness.main()
