"""A time-stamp authority (RFC 3161) on this machine: `openssl ts` behind a small web server."""

import http.server
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace

from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.credentials.certificates import Shape, issue, new_key, pem

CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = {0}/serial
signer_cert = {0}/tsa.pem
certs = {0}/root.pem
signer_key = {0}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1
"""


class Authority:
    """A running time-stamp authority."""

    def __init__(self, directory, root):
        shape = Shape(
            name="Time",
            purposes=(ExtendedKeyUsageOID.TIME_STAMPING,),
            purposes_critical=True,
        )
        issued = issue(replace(shape), by=root, key=new_key("rsa2048"))
        self.directory, self.root = directory, root
        self.requests = 0
        self.broken = None
        (directory / "tsa.pem").write_text(pem(issued.certificate))
        (directory / "root.pem").write_text(pem(root.certificate))
        (directory / "key.pem").write_bytes(issued.key_pem(serialization.PrivateFormat.PKCS8))
        (directory / "serial").write_text("01\n")
        (directory / "openssl.cnf").write_text(CONFIGURATION.format(directory))

    def reply(self, query):
        self.requests += 1
        if self.broken:
            return b"<html>out of order</html>"
        (self.directory / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self.directory / "openssl.cnf")]
        command += ["-queryfile", str(self.directory / "query")]
        return subprocess.run(command, capture_output=True, check=True, timeout=20).stdout


@contextmanager
def running(directory, root):
    """The authority and its URL, while it listens on the loopback address."""
    authority = Authority(directory, root)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            answer = authority.reply(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(authority.broken or 200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield authority, f"http://127.0.0.1:{server.server_address[1]}/tsa"
        finally:
            server.shutdown()
            thread.join()
