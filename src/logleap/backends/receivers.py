"""Who gets the events: a URL, or a topic of the backend's message service."""

from urllib.parse import urlsplit

from logleap.backends.backend import Backend
from logleap.ports.events import EventDeliverer
from logleap.settings import Settings, SettingsError, is_loopback


def open_receiver(settings: Settings, backend: Backend) -> EventDeliverer | None:
    """What delivers to the receiver of the settings; None if events are off. Raises SettingsError."""
    if not settings.events_on:
        return None
    variable = "LOGLEAP_EVENTS_TOPIC" if settings.events_url is None else "LOGLEAP_EVENTS_URL"
    if backend.events is None:
        raise SettingsError(f"{variable} is set, but the backend {settings.backend!r} stores no events.")
    if settings.events_url is None:
        if backend.event_topic is None or settings.events_topic is None:
            raise SettingsError(
                f"{variable} is set, but the backend {settings.backend!r} has no topics: "
                "set LOGLEAP_EVENTS_URL instead."
            )
        return backend.event_topic(settings.events_topic, settings.events_source)
    if settings.events_topic is not None:
        raise SettingsError("LOGLEAP_EVENTS_URL and LOGLEAP_EVENTS_TOPIC are both set: choose one.")
    if not settings.events_secret:
        raise SettingsError(
            "LOGLEAP_EVENTS_URL is set, but LOGLEAP_EVENTS_SECRET is not, which signs the events: make one "
            "with: echo whsec_$(openssl rand -base64 32)"
        )
    from logleap.adapters.webhook.deliverer import WebhookDeliverer

    try:
        return WebhookDeliverer(
            settings.events_url,
            settings.events_secret,
            source=settings.events_source,
            timeout=settings.events_timeout,
            proxied=not is_loopback(urlsplit(settings.events_url).hostname or ""),
        )
    except ValueError as error:
        raise SettingsError(f"LOGLEAP_EVENTS_URL: {error}.") from error


def in_the_clear(url: str) -> bool:
    """Whether events to this URL can be read on the network: they go over http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
