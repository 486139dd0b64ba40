"""The files in deploy/, by the programs that read them, and against what LogLeap has."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from logleap.adapters.gcp.provisioning.firestore import indexes
from logleap.adapters.gcp.provisioning.terraform import configuration
from logleap.backends.gcp import _resources
from logleap.settings import Settings
from logleap.telemetry.metrics import Metrics
from tools.clients import programs

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTS: list[Mapping[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0][
    "rules"
]
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
YAML = [path for path in sorted(DEPLOY.rglob("*.yaml")) if "prometheus/alerts_test" not in path.as_posix()]

METRIC = re.compile(r"\b(?:logleap|process)_[a-z_]+\b")


def queries() -> Iterator[tuple[str, str]]:
    for alert in ALERTS:
        yield str(alert["alert"]), str(alert["expr"])
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["query"]["query"]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names of all series that a process can have."""
    metrics = Metrics()
    metrics.show_disks({"data": ROOT}, 1)
    found = set()
    for family in metrics.registry.collect():
        found.add(family.name)
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ())
        found.update(family.name + ending for ending in endings)
    return found


def program(found: programs.Program | None, name: str) -> programs.Program:
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs {name}, which make clients could not get.")
        pytest.skip(f"{name} is not here: try make clients")
    return found


def run(found: programs.Program, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [*found.command, *arguments],
        env={**os.environ, **found.environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(("name", "query"), list(queries()))
def test_every_metric_that_is_named_exists(name: str, query: str, known: set[str]) -> None:
    named = set(METRIC.findall(query))
    assert named, name
    assert named <= known


def test_every_metric_of_the_documentation_is_on_the_dashboard_or_in_an_alert(known: set[str]) -> None:
    shown = {metric for _, query in queries() for metric in METRIC.findall(query)}
    own = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in known if name.startswith("logleap")}
    assert {name for name in own if not any(metric.startswith(name) for metric in shown)} <= {
        "logleap_events_given_up"  # logleap_events_dead shows them
    }


def test_prometheus_accepts_the_alerts_and_the_configuration() -> None:
    promtool = program(programs.promtool(), "promtool")
    assert "SUCCESS" in run(promtool, "check", "rules", "alerts.yaml", cwd=PROMETHEUS)
    assert "SUCCESS" in run(promtool, "check", "config", "prometheus.yaml", cwd=PROMETHEUS)


def test_each_alert_fires_where_it_should_and_not_before() -> None:
    run(program(programs.promtool(), "promtool"), "test", "rules", "alerts_test.yaml", cwd=PROMETHEUS)
    # promtool passes a test that no alert fires, whatever the alert's name: so each has one that does.
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == quiet == {alert["alert"] for alert in ALERTS}


def test_the_alerts_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = page.partition("## Alerts worth having")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(LogLeap\w+)` \|", table, re.MULTILINE) == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert f"`{alert['expr']}`" in table


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_each_setting_that_a_file_makes_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    assert yaml.safe_load(text) is not None
    known = {f"LOGLEAP_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bLOGLEAP_[A-Z_]+\b", text)) <= known


def test_temporary_files_lie_on_a_disk_in_compose_and_under_systemd() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name in ("api", "worker"):
        service = services[name]
        folder = service["environment"]["TMPDIR"]
        mounted = [volume.split(":")[1] for volume in service["volumes"] if not volume.startswith((".", "/"))]
        assert folder in mounted, name
        assert service["tmpfs"].startswith("/tmp:size="), name
    for unit in UNITS:
        assert "Environment=TMPDIR=/var/tmp\n" in unit.read_text("utf-8"), unit.name


@pytest.mark.parametrize("name", ["api.yaml", "worker-pool.yaml"])
def test_temporary_files_leave_an_instance_of_cloud_run_half_of_its_memory(name: str) -> None:
    spec = yaml.safe_load((DEPLOY / "cloud-run" / name).read_text())["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    (mount,) = container["volumeMounts"]
    (volume,) = spec["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], environment["TMPDIR"])
    assert volume["emptyDir"]["medium"] == "Memory"
    limit = mebibytes(volume["emptyDir"]["sizeLimit"])
    assert 2 * limit <= mebibytes(container["resources"]["limits"]["memory"])
    if "LOGLEAP_TEMPORARY_LIMIT" in environment:  # a process may use it twice: docs/settings.md
        assert 2 * int(environment["LOGLEAP_TEMPORARY_LIMIT"]) < limit << 20
    else:
        assert name != "api.yaml"


def mebibytes(quantity: str) -> int:
    """A quantity of Kubernetes, such as 2Gi."""
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def test_compose_mounts_files_that_exist_and_builds_targets_that_the_dockerfile_has() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert all((DEPLOY / path).exists() for path in mounted if path.startswith("."))
    targets = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {service["build"]["target"] for service in services.values() if "build" in service} <= set(targets)
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())["scrape_configs"][0]
    assert {target.split(":")[0] for target in scraped["static_configs"][0]["targets"]} == {"api", "worker"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_a_unit_and_finds_it_well_confined(unit: Path, tmp_path: Path) -> None:
    analyze = program(programs.systemd_analyze(), "systemd-analyze")
    text = unit.read_text("utf-8")
    command = re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE)
    assert command == ["/opt/logleap/bin/logleap"]
    copy = tmp_path / unit.name
    copy.write_text(text.replace(command[0], "/bin/true"))  # it has to exist
    assert run(analyze, "verify", str(copy)) == ""
    # Exposure in tenths, as `systemd-analyze security` counts it: below 2 it says OK.
    run(analyze, "security", "--offline=true", "--threshold=19", str(copy))


def test_the_terraform_module_is_what_the_command_prints() -> None:
    file = json.loads((DEPLOY / "terraform" / "main.tf.json").read_text())
    assert file == configuration(_resources(Settings(backend="gcp"), "PROJECT"))


def test_terraform_gets_names_that_it_takes_of_any_that_google_takes() -> None:
    settings = Settings(
        backend="gcp",
        pubsub_topic="log.training~1",
        events_topic="all.events+",
        firestore_prefix="2026-",
    )
    made = configuration(_resources(settings, "PROJECT"))
    for named in made["resource"].values():
        for label in named:
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", label), label
    topics = {topic["name"] for topic in made["resource"]["google_pubsub_topic"].values()}
    assert {"log.training~1", "all.events+"} <= topics
    for kind, label in re.findall(r"\$\{(google_\w+)\.([^.}]+)\.", json.dumps(made)):
        assert label in made["resource"][kind]


def test_the_terraform_module_has_what_the_setup_makes() -> None:
    resources = _resources(Settings(backend="gcp", events_topic="logleap-events"), "PROJECT")
    made = configuration(resources)["resource"]
    names = resources.queue
    wanted = {path.rpartition("/")[2] for path in (names.topic_path, names.dead_topic_path)}
    assert set(made["google_pubsub_topic"]) == {*wanted, "logleap-events"}
    subscriptions = made["google_pubsub_subscription"]
    main = subscriptions[names.subscription_path.rpartition("/")[2]]
    assert len(subscriptions) == 2
    assert main["dead_letter_policy"]["max_delivery_attempts"] == resources.max_deliveries
    assert main["retry_policy"] == {"minimum_backoff": "10s", "maximum_backoff": "600s"}
    assert len(made["google_firestore_index"]) == len(indexes("logleap"))
    assert made["google_bigquery_dataset"]["entries"]["dataset_id"] == resources.dataset
    named = re.findall(r"\$\{(google_\w+)\.([\w-]+)\.\w+\}", json.dumps(made))
    assert all(name in made[kind] for kind, name in named)
