#!/usr/bin/env python3
"""A time-stamp authority (RFC 3161) on this machine: HTTP around `openssl ts -reply`. It tests the way a stamp goes; as
to trust, a stamp of one's own authority is worth nothing.

    scripts/foreign/authority.py DIR        makes a root and a certificate in DIR, answers until it is ended

DIR/root.pem is what checkers trust, and DIR/url says where requests go. The configuration sets no `certs`: OpenSSL
would add them unsorted, which strict readers of DER refuse.
"""
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.59999.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256

[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid

[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash

[request]
distinguished_name = name
[name]
"""


def openssl(folder, *args):
    """Runs openssl in a folder."""
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make(folder):
    """Keys and certificates."""
    folder.mkdir(parents=True)
    (folder / "ts.cnf").write_text(CONFIG, encoding="utf-8")
    (folder / "serial").write_text("01\n", encoding="utf-8")
    key = ["-newkey", "rsa:2048", "-nodes", "-config", "ts.cnf", "-sha256"]
    openssl(folder, "req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-days", "3650",
            "-subj", "/O=Loopback/CN=Root", "-extensions", "root")
    openssl(folder, "req", "-new", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/O=Loopback/CN=Time stamps")
    openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
            "-out", "tsa.pem", "-days", "3650", "-sha256", "-extfile", "ts.cnf", "-extensions", "stamping")


class Authority(BaseHTTPRequestHandler):
    """Answers requests one after the other, so that serial numbers rise."""

    folder = None

    def do_POST(self):
        """RFC 3161, section 3.4."""
        query = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        (self.folder / "query.tsq").write_bytes(query)
        openssl(self.folder, "ts", "-reply", "-config", "ts.cnf", "-section", "tsa", "-queryfile", "query.tsq",
                "-out", "reply.tsr")
        reply = (self.folder / "reply.tsr").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        """Silent."""


def main():
    """Serves."""
    folder = Path(sys.argv[1]).resolve()
    make(folder)
    Authority.folder = folder
    server = HTTPServer(("127.0.0.1", 0), Authority)
    # Moved into place when it is whole: whoever waits for it reads all of it.
    (folder / "url.new").write_text(f"http://127.0.0.1:{server.server_port}/\n", encoding="utf-8")
    (folder / "url.new").rename(folder / "url")
    server.serve_forever()


main()
