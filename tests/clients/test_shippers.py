"""Shippers that cannot be had here: what their pages say is sent is posted where their configurations say."""

import re
import tomllib
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml

DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"


def fluent_bit(text: str) -> str:
    (output,) = yaml.safe_load(text)["pipeline"]["outputs"]
    assert output["format"] == "json"
    return f"http://{output['host']}:{output['port']}{output['uri']}"


def vector(text: str) -> str:
    sink = tomllib.loads(text)["sinks"]["logleap"]
    assert sink["batch"]["max_bytes"] < 1_000_000
    return str(sink["uri"])


def logstash(text: str) -> str:
    (url,) = re.findall(r'url => "(.*)"', text)
    return str(url)


def collector(text: str) -> str:
    found = yaml.safe_load(text)
    assert set(found["service"]["pipelines"]["logs"]["exporters"]) <= set(found["exporters"])
    return f"{found['exporters']['otlphttp']['endpoint']}/v1/logs"


def alloy(text: str) -> str:
    (endpoint,) = re.findall(r'endpoint = "(.*)"', text)
    return f"{endpoint}/v1/logs"


def rsyslog(text: str) -> str:
    values = dict(re.findall(r'(\w+)="(.*?)"', text))
    return f"http://{values['server']}:{values['serverport']}/{values['restpath']}"


PAGES = {
    "fluent-bit.md": ("yaml", fluent_bit),
    "vector.md": ("toml", vector),
    "elastic.md": ("text", logstash),
    "otel-collector.md": ("yaml", collector),
    "grafana-alloy.md": ("text", alloy),
    "rsyslog.md": ("text", rsyslog),
}


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_shows_is_taken_and_counts_once(server: Any, example: Any, page: str) -> None:
    language, url_in = PAGES[page]
    data_id = server.announce()
    url = urlsplit(url_in(example(page, language, {DATA_ID: data_id})))
    assert url.netloc == "localhost:8080"
    body = example(page, "json", {}).encode()
    answers = [
        httpx2.post(
            f"{server.url}{url.path}?{url.query}",
            content=body,
            headers={"Content-Type": "application/json"},
            trust_env=False,
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert "rejected" not in answers[0].text
    rows = server.trained(data_id)
    assert [row.message for row in rows] == [f"jam at gate {4 + place}" for place in range(len(rows))]
    assert rows[0].timestamp.startswith("2026-03-02T0")
