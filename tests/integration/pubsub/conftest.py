"""A push worker over the memory backend, and somebody on loopback who signs tokens as Google does."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from dependency_injector import providers
from flask.testing import FlaskClient
from google.auth import crypt, jwt, transport
from google.auth.transport.requests import Request

from logleap.container import Container, build_container
from logleap.domain.runs import Run
from logleap.entrypoints.pubsub.push import create_push_app
from logleap.entrypoints.pubsub.tokens import TokenVerifier
from logleap.settings import Settings

AUDIENCE = "https://worker.example/pubsub/push"
ACCOUNT = "pusher@project.iam.gserviceaccount.com"


class Key:
    """An RSA key and its certificate."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        self.private = key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()
        self.certificate = certificate.public_bytes(pem).decode()


@dataclass
class Google:
    """Signs tokens, and publishes its certificates at `url`. `status` and `cache` are how it answers."""

    key: Key
    url: str = ""
    status: int = 200
    cache: str = "public, max-age=20000, must-revalidate"
    asked: int = 0

    def token(self, key: Key | None = None, key_id: str = "k1", **changes: Any) -> str:
        """A token as Pub/Sub sends it, with `changes` to its claims; None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "sub": "113774264463038321964",
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        } | changes
        signer = crypt.RSASigner.from_string((key or self.key).private, key_id=key_id)  # type: ignore[no-untyped-call]
        present = {name: value for name, value in claims.items() if value is not None}
        token: bytes = jwt.encode(signer, present)  # type: ignore[no-untyped-call]
        return token.decode()


class Loopback(transport.Request):
    """Google's own HTTP transport, but every address leads to `google`."""

    def __init__(self, google: Google) -> None:
        self._google = google
        self._request = Request()

    def __call__(self, url: str, *arguments: Any, **options: Any) -> Any:
        assert url.startswith("https://www.googleapis.com/")
        return self._request(self._google.url, *arguments, **options)


@pytest.fixture(scope="session")
def key() -> Key:
    return Key()


@pytest.fixture(scope="session")
def strange_key() -> Key:
    """A key that Google knows nothing of."""
    return Key()


@pytest.fixture
def google(key: Key) -> Iterator[Google]:
    google = Google(key)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            google.asked += 1
            body = json.dumps({"k1": google.key.certificate}).encode()
            self.send_response(google.status)
            self.send_header("Cache-Control", google.cache)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        google.url = f"http://127.0.0.1:{server.server_port}/certs"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield google
        server.shutdown()
        thread.join()


@pytest.fixture
def verifier(google: Google) -> TokenVerifier:
    return TokenVerifier(AUDIENCE, ACCOUNT, fetch=Loopback(google))


@dataclass
class Site:
    """A push worker and what is behind it. `buried` are the dead letters, each with its reason."""

    container: Container
    http: FlaskClient
    buried: list[tuple[bytes, str]] = field(default_factory=list)

    def now(self, run: Run) -> Run:
        shown: Run = self.container.show_training()(run.owner, run.dataset_id)
        return shown


@pytest.fixture
def make_site(verifier: TokenVerifier) -> Callable[..., Site]:
    def make(**settings: Any) -> Site:
        container = build_container(Settings(**{"backend": "memory", **settings}))
        buried: list[tuple[bytes, str]] = []
        backend = replace(container.backend(), dead_letter=lambda body, reason: buried.append((body, reason)))
        container.backend.override(providers.Object(backend))
        return Site(container, create_push_app(container, verifier).test_client(), buried)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
