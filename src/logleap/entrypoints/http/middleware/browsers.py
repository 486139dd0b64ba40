"""What web pages may not do to a server that asks for no key.

A browser sends requests for any page that is open in it. Such a page cannot know a key, but a server without
keys would carry out its requests: those that the browser sends to a name of the page's own site that leads to
this machine (DNS rebinding), and those of which the page does not see the answer.
"""

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Request

from logleap.backends import Capabilities
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.settings import Settings
from logleap.usecases.keys import Authenticate

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""For probes and scrapers, which use whatever name they were given. Nothing there names an owner."""

_FORWARDING = frozenset({"HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"})
_DEFAULT_PORTS = (":80", ":443")


class BrowserGuard:
    """Refuses requests that a web page may have made, or a proxy forwarded, where no key is required."""

    def __init__(self, settings: Settings, capabilities: Capabilities, authenticate: Authenticate) -> None:
        self._required = settings.keys_required(by_backend=capabilities.requires_keys)
        self._authenticate = authenticate
        self._allowed = frozenset(host.lower() for host in settings.allowed_hosts)

    def check(self, request: Request) -> bool:
        """Whether the request must show a key. Raises HttpError (403).

        Where keys are required only LOGLEAP_ALLOWED_HOSTS is checked. May raise Unavailable, where it is not
        known whether there are any keys.
        """
        environ = request.environ
        host = _host(environ.get("REQUEST_URI", ""), environ.get("HTTP_HOST", ""))
        probed = environ.get("PATH_INFO") in OPEN_PATHS
        origin, site = environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE")
        if probed and origin is None and site is None:
            return True
        name = _name(host)
        if self._allowed and not probed:
            self._check_host(name, self._allowed)
        if self._keyed():
            return True
        if self._required is None and not probed:
            if not _FORWARDING.isdisjoint(environ) or " HTTP_X_FORWARDED_" in " ".join(("", *environ)):
                raise HttpError(
                    "FORWARDED_WITHOUT_KEYS",
                    "A proxy forwarded this request, and this server has no keys: everyone whom the proxy "
                    "lets in could do everything. Make a key with logleap keys create --owner NAME, or set "
                    "LOGLEAP_AUTH=none if the proxy itself guards the server.",
                )
            self._check_host(name, ())
        if site == "cross-site" or (origin is not None and not self._own(origin, host)):
            raise HttpError(
                "CROSS_SITE_REQUEST",
                f"A web page of another site sent this request (Origin {(origin or 'not told')[:200]!r}), "
                "and this server asks for no key. Send it from a program, or from a page of this server, or "
                "require keys.",
            )
        return False

    def _keyed(self) -> bool:
        return self._required is True or (self._required is None and self._authenticate.any_keys())

    def _check_host(self, name: str, allowed: Collection[str]) -> None:
        if not name or name in allowed or _is_loopback(name):
            return
        remedy = (
            "Use one that LOGLEAP_ALLOWED_HOSTS names, or have the operator add this one."
            if allowed
            else "Use localhost, or make a key with logleap keys create --owner NAME: then any name will do."
        )
        raise HttpError(
            "HOST_NOT_ALLOWED", f"This server does not answer to the name {name[:200]!r}. {remedy}"
        )

    def _own(self, origin: str, host: str) -> bool:
        """Whether it is the origin of this server's own pages."""
        scheme, _, authority = origin.lower().partition("://")
        if scheme not in ("http", "https") or not authority:
            return False  # `null`, and what browsers' extensions have
        return _without_default_port(authority) == _without_default_port(host) or (
            _name(authority) in self._allowed
        )


def _host(target: str, header: str) -> str:
    """The host, and perhaps port, that a request is for (RFC 9112, 3.2.2: an absolute target wins)."""
    if "://" in target.partition("?")[0]:
        try:
            header = urlsplit(target).netloc
        except ValueError:
            header = "?"
    return header.strip().lower()


def _name(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")


def _without_default_port(authority: str) -> str:
    for port in _DEFAULT_PORTS:
        authority = authority.removesuffix(port)
    return authority


@lru_cache(maxsize=64)  # most requests are for one name
def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3: never another machine
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
