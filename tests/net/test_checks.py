# SPDX-License-Identifier: GPL-2.0-or-later
"""Health checks against the servers people run, through the whole daemon: what it says of each in its status."""

import shutil
import subprocess
from pathlib import Path

import pytest

from labkit import topology
from labkit.director import Director
from labkit.waiting import wait_for

ONE_OF_EACH = topology.dr(directors=1, servers=1, clients=0)
PEERS = Path(__file__).with_name("_peers.py")

NGINX = """
daemon off; user root; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key; ssl_client_certificate {dir}/ca.pem;
    server {{
        listen 80; listen 8080 http2; listen 443 ssl; listen 444 ssl http2;
        location / {{ return 200 "all is well\\n"; }}
        location /busy {{ return 503; }}
        location /moved {{ return 301 http://www.example.org/; }}
        location /post {{ if ($request_method != POST) {{ return 405; }} return 200 "posted $http_x_check $content_length"; }}
    }}
    server {{ listen 445 ssl; ssl_verify_client on; location / {{ return 200 "hello $ssl_client_s_dn"; }} }}
}}
"""

HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend all
    bind :8081 proto h2
    bind :446 ssl crt {dir}/pair.pem alpn h2,http/1.1
    http-request return status 503 if { path /busy }
    http-request return status 200 content-type text/plain string "all is well"
"""

UNBOUND = """
server:
    interface: 0.0.0.0
    username: ""
    chroot: ""
    directory: "{dir}"
    pidfile: "{dir}/unbound.pid"
    use-syslog: no
    access-control: 0.0.0.0/0 allow
    local-zone: "example.org." static
    local-data: "www.example.org. A 192.0.2.80"
    local-data: "example.org. MX 10 mail.example.org."
remote-control:
    control-enable: no
"""

# name: (port, the check, what lvsd says)
CHECKS = {
    "h1": (80, 'kind = "http", body = "is well"', "got 200 with the expected text"),
    "h1-regex": (80, 'kind = "http", body_regex = "^all is (well|fine)"', "got 200 with a matching body"),
    "h1-busy": (80, 'kind = "http", path = "/busy"', "expected 200-299, got 503"),
    "h1-moved": (80, 'kind = "http", path = "/moved", status = [200, "300-399"]', "got 301"),
    "h1-head": (80, 'kind = "http", method = "HEAD"', "got 200"),
    "h1-post": (80, 'kind = "http", path = "/post", send = "ping", headers = ["X-Check: 7"], body = "posted 7 4"',
                "got 200 with the expected text"),
    "h2-plain": (8080, 'kind = "http", http = "2", body = "is well"', "got 200 with the expected text"),
    "h2-plain-busy": (8080, 'kind = "http", http = "2", path = "/busy"', "expected 200-299, got 503"),
    "h2-to-h1": (80, 'kind = "http", http = "2"', "not a valid HTTP/2 answer"),
    "https": (443, 'kind = "https", ca = "{dir}/ca.pem"', "got 200"),
    "https-name": (443, 'kind = "https", ca = "{dir}/ca.pem", host = "www.example.org"', "got 200"),
    "https-other-name": (443, 'kind = "https", ca = "{dir}/ca.pem", server_name = "other.example.org"',
                         "certificate is not for 'other.example.org'"),
    "https-untrusted": (443, 'kind = "https"', "certificate not trusted: "),
    "https-unverified": (443, 'kind = "https", verify = false', "got 200"),
    "https-days": (443, 'kind = "https", ca = "{dir}/ca.pem", min_days = 60',
                   "certificate expires in 29 days, expected at least 60"),
    "https-h2": (444, 'kind = "https", http = "2", ca = "{dir}/ca.pem", body = "is well"', "got 200 with the expected text"),
    "h2-haproxy": (8081, 'kind = "http", http = "2", body = "is well"', "got 200 with the expected text"),
    "h2-haproxy-busy": (8081, 'kind = "http", http = "2", path = "/busy"', "expected 200-299, got 503"),
    "https-h2-haproxy": (446, 'kind = "https", http = "2", ca = "{dir}/ca.pem", body = "is well"',
                         "got 200 with the expected text"),
    "https-no-h2": (443, 'kind = "https", http = "2", ca = "{dir}/ca.pem"', "ALPN 'h2'"),
    "https-client": (445, 'kind = "https", ca = "{dir}/ca.pem", certificate = "{dir}/client.pem", key = "{dir}/client.key", '
                          'body = "hello CN=lvsd"', "got 200 with the expected text"),
    "https-no-client": (445, 'kind = "https", ca = "{dir}/ca.pem"', "expected 200-299, got 400"),
    "tls": (9443, 'kind = "tls", ca = "{dir}/ca.pem", alpn = ["x"]', "TLSv1.2 handshake done"),
    "tls-no-alpn": (9443, 'kind = "tls", ca = "{dir}/ca.pem", alpn = ["y"]', "ALPN 'y'"),
    "tls-to-plain": (80, 'kind = "tls", ca = "{dir}/ca.pem"', "TLS handshake failed: "),
    "tls-other-name": (9443, 'kind = "tls", ca = "{dir}/ca.pem", server_name = "other.example.org"',
                       "certificate is not for 'other.example.org'"),
    "tls-untrusted": (9443, 'kind = "tls"', "certificate not trusted: "),
    "tls-expired": (9444, 'kind = "tls", ca = "{dir}/ca.pem"', "certificate expired "),
    "tls-expired-unverified": (9444, 'kind = "tls", verify = false', "TLSv1.2 handshake done"),
    "tls-client": (9445, 'kind = "tls", ca = "{dir}/ca.pem", certificate = "{dir}/client.pem", key = "{dir}/client.key"',
                   "TLSv1.2 handshake done"),
    "tls-no-client": (9445, 'kind = "tls", ca = "{dir}/ca.pem"', "TLS handshake failed: "),
    "smtp": (25, 'kind = "smtp"', "greeted and answered EHLO"),
    "smtp-tls": (25, 'kind = "smtp", starttls = true, ca = "{dir}/ca.pem"', "greeted and answered EHLO inside TLS"),
    "smtp-untrusted": (25, 'kind = "smtp", starttls = true', "certificate not trusted: "),
    "dns": (53, 'kind = "dns", name = "www.example.org", answer = "192.0.2.80"', "got '192.0.2.80'"),
    "dns-tcp": (53, 'kind = "dns", name = "example.org", type = "MX", protocol = "tcp", answer = "10 mail.example.org"',
                "got '10 mail.example.org'"),
    "dns-none": (53, 'kind = "dns", name = "no.example.org", rcode = "NXDOMAIN"', "got NXDOMAIN"),
    "dns-wrong": (53, 'kind = "dns", name = "no.example.org"', "expected NOERROR, got NXDOMAIN"),
    "grpc": (50051, 'kind = "grpc"', "got SERVING"),
    "grpc-down": (50051, 'kind = "grpc", service = "down"', "expected SERVING, got NOT_SERVING"),
    "grpc-unknown": (50051, 'kind = "grpc", service = "x"', "service 'x' is unknown to the server (NOT_FOUND)"),
    "grpc-tls": (50052, 'kind = "grpc", service = "up", tls = true, ca = "{dir}/ca.pem"', "got SERVING"),
    "grpc-to-h1": (80, 'kind = "grpc"', "not a valid HTTP/2 answer"),
    "grpc-to-h2": (8080, 'kind = "grpc"', "not a gRPC answer: no grpc-status"),
    "tcp": (80, 'kind = "tcp"', "connected"),
    "tcp-closed": (81, 'kind = "tcp"', "connect refused"),
    "udp-closed": (81, 'kind = "udp"', "port closed (ICMP port unreachable)"),
    "icmp": (80, 'kind = "icmp"', "answered"),
}
HEALTHY = ("got ", "greeted", "TLSv1.2", "connected", "answered")
# https-no-h2 is refused before a certificate is shown.
WITH_CERTIFICATE = ({name for name in CHECKS if name.startswith("https")} - {"https-no-h2"}
                    | {"tls", "smtp-tls", "smtp-untrusted", "grpc-tls"})


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


def make_certificates(folder, address):
    """ca.pem, and signed by it server.pem (for the address and www.example.org), expired.pem likewise, and client.pem."""
    (folder / "names").write_text(f"subjectAltName=IP:{address},DNS:www.example.org\n")
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem")
    names = ["-extfile", "names"]
    for who, days, extra in (("server", 30, names), ("expired", -1, names), ("client", 30, [])):
        subject = "/CN=lvsd" if who == "client" else "/CN=server"
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                "-keyout", f"{who}.key", "-out", f"{who}.csr")
        openssl(folder, "x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", str(days), "-out", f"{who}.pem", *extra)
    (folder / "pair.pem").write_text((folder / "server.pem").read_text() + (folder / "server.key").read_text())


def start_servers(node, folder):
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder))
    (folder / "unbound.conf").write_text(UNBOUND.format(dir=folder))
    pair = [str(folder / "server.pem"), str(folder / "server.key")]
    node.start("nginx", ["nginx", "-p", folder, "-c", folder / "nginx.conf"])
    node.start("unbound", [shutil.which("unbound") or "/usr/sbin/unbound", "-d", "-c", folder / "unbound.conf"])
    (folder / "haproxy.cfg").write_text(HAPROXY.replace("{dir}", str(folder)))
    node.start("haproxy", [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"])
    for port, who, more in ((9443, "server", ["-alpn", "x"]), (9444, "expired", []),
                            (9445, "server", ["-Verify", "1", "-CAfile", folder / "ca.pem", "-verify_return_error"])):
        node.start(f"s_server-{who}-{port}", ["openssl", "s_server", "-accept", port, "-cert", folder / f"{who}.pem", "-key",
                                              folder / f"{who}.key", "-tls1_2", *more, "-www", "-quiet"])
    node.start("smtp", ["/usr/bin/python3", PEERS, "smtp", "25", *pair])
    node.start("grpc", ["/usr/bin/python3", PEERS, "grpc", "50051"])
    node.start("grpc-tls", ["/usr/bin/python3", PEERS, "grpc", "50052", *pair])


def configuration(address, folder):
    text = ""
    for number, (name, (port, check, _)) in enumerate(CHECKS.items(), 1):
        text += f"""
[virtual_service.{name}]
address = "198.51.100.1:{number}"
servers = ["{address}:{port}"]
check = {{ {check.format(dir=folder)}, interval = "2s", timeout = "2s", rise = 1, fall = 1 }}
"""
    return text


@pytest.fixture
def director(make_cluster, tmp_path):
    cluster = make_cluster(ONE_OF_EACH)
    server = cluster["s1"]
    make_certificates(tmp_path, server.address())
    tmp_path.chmod(0o755)
    start_servers(server, tmp_path)
    return Director(cluster["d1"], configuration(server.address(), tmp_path)).start()


def results(director):
    return {service["name"]: service["servers"][0]["checks"][0] for service in director.status().get("services", [])}


def state_of(name):
    return "up" if CHECKS[name][2].startswith(HEALTHY) else "down"


@pytest.mark.limit(300)
def test_the_servers_people_run(director):
    def wrong():
        seen = results(director)
        return {name: (seen.get(name, {}).get("state"), seen.get(name, {}).get("reason"))
                for name, (_, _, expected) in CHECKS.items()
                if expected not in seen.get(name, {}).get("reason", "") or seen[name]["state"] != state_of(name)}

    wait_for(lambda: not (left := wrong()) or _tell(left), 120, "every check says what it should")
    # A change is told at once, the rest of what is known of a run within some seconds.
    wait_for(lambda: all(results(director)[name]["certificate_days"] in (29, 30) for name in WITH_CERTIFICATE), 30,
             "the days of every certificate are known")
    for name, check in results(director).items():
        assert check["latency_us"] > 0, name
        if name.startswith(("h1", "h2", "dns", "tcp", "icmp")):
            assert check["certificate_days"] is None, (name, check)


def _tell(left):
    """wait_for() shows the last exception when the time is up."""
    raise AssertionError(f"not yet: {left}")


def test_files_that_cannot_be_used_are_named_with_their_place(make_cluster, tmp_path):
    node = make_cluster(ONE_OF_EACH)["d1"]
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    config = tmp_path / "lvsd.toml"

    def verdict(keys):
        config.write_text(f'[virtual_service.web]\naddress = "198.51.100.1:80"\nservers = ["192.0.2.1:443"]\n'
                          f'check = {{ kind = "https", {keys} }}\n')
        done = node.run(["lvsd", "--check", "--config", config], check=False)
        return done.returncode, done.stdout + done.stderr

    for keys, words in ((f'ca = "{tmp_path}/none.pem"', "cannot be read: No such file or directory"),
                        (f'ca = "{tmp_path}"', "cannot be read: it is no regular file"),
                        (f'ca = "{tmp_path}/broken.pem"', "ca must hold certificates in PEM"),
                        ('ca = "here.pem"', "expected the absolute path of a file")):
        status, text = verdict(keys)
        assert status == 1 and f"{config}:4:32: " in text and words in text, text
