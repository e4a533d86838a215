"""A server that files are fetched from: it answers what it is told to, and remembers who asked."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "files.example"
Answer = bytes | Callable[[socket.socket], None]


@dataclass
class Elsewhere:
    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    """What is sent for a path; nothing but the connection's end for others."""
    requests: list[str] = field(default_factory=list)
    """The heads of requests."""
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    """What TLS clients asked for."""

    def url(self, path: str = "/one.png", *, scheme: str = "http", host: str = HOST) -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def serve(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        self.requests.append(head.decode())
        answer = self.answers.get(head.split(b" ")[1].decode(), b"")
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def moved(to: str, *headers: str, status: str = "302 Found") -> bytes:
    return ok(b"it is not here", f"Location: {to}", *headers, status=status)


def dripping(connection: socket.socket) -> None:
    """A byte now and then."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    """Chunks until nobody reads them any more."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(2_000):
        connection.sendall(b"2000\r\n" + bytes(0x2000) + b"\r\n")


@contextmanager
def elsewhere(tls: ssl.SSLContext | None = None) -> Iterator[Elsewhere]:
    listening = socket.create_server(("127.0.0.1", 0))
    site = Elsewhere(listening.getsockname()[1])
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: site.names.append(name)
    threads = []

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # who asked may be gone
            if tls is None:
                site.serve(connection)
            else:
                with tls.wrap_socket(connection, server_side=True) as inner:
                    site.serve(inner)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            site.connections += 1
            threads.append(threading.Thread(target=answer, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield site
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for each in (acceptor, *threads):
            each.join(20)


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate for ``name``, and a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"{name}.pem"
    file.write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())
