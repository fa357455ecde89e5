"""Somebody between the enclave and the KMS who answers in its place."""

import base64
import json
import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nitro_attest.recipient import encrypt

OTHER_KEY = "an envelope for another key"
PLAINTEXT = "a plaintext"


def interpose(answer: str, certificate: Path) -> tuple[str, int]:
    """Serve `answer` to every call, with a certificate and its key; return host and port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = _Server(("127.0.0.1", 0), partial(_Handler, json.dumps(_answer(answer)).encode()))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "127.0.0.1", server.server_address[1]


def _answer(kind: str) -> dict[str, str]:
    secret = b"chosen by the interposer"
    if kind == PLAINTEXT:
        return {"Plaintext": base64.b64encode(secret).decode()}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    key = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"CiphertextForRecipient": base64.b64encode(encrypt(secret, key)).decode()}


@final
class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when the enclave ends the connection."""


@final
class _Handler(BaseHTTPRequestHandler):
    def __init__(self, answer: bytes, *request: Any) -> None:  # noqa: ANN401 - passed on
        """Answer a request, which the base class does right away."""
        self._answer: Final = answer
        super().__init__(*request)

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(self._answer)))
        self.end_headers()
        self.wfile.write(self._answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class
        """Write no log."""
