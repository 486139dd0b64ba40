"""`logleap gcp setup` and `check` on the emulators, and on refusals as the real services send them."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import Credentials
from google.cloud import bigquery
from google.cloud.firestore_admin_v1.types import Database
from google.iam.v1 import iam_policy_pb2, policy_pb2  # type: ignore[import-untyped]
from google.oauth2 import service_account
from google.pubsub_v1 import (
    DeadLetterPolicy,
    ExpirationPolicy,
    PublisherClient,
    PushConfig,
    RetryPolicy,
    SubscriberClient,
    Subscription,
)

from logleap.adapters.gcp.bigquery.tables import COLUMNS, ENTRY_COLUMNS, SharedTable, TablePerDataset
from logleap.adapters.gcp.google.clients import bigquery_client
from logleap.adapters.gcp.google.credentials import Access, Service
from logleap.adapters.gcp.provisioning import Check, Resources, Step, check, identity, setup
from logleap.adapters.gcp.provisioning.bigquery import compare_columns
from logleap.adapters.gcp.provisioning.firestore import indexes
from logleap.adapters.gcp.provisioning.pubsub import differences
from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames
from tools.emulators import Emulators

SERVICES: Sequence[Service] = ("bigquery", "firestore", "pubsub")


@pytest.fixture
def resources(names: QueueNames) -> Resources:
    """With names that nothing has yet, and a shared table."""
    return Resources(names, f"dataset_{uuid4().hex}", SharedTable(), location="EU")


@pytest.fixture
def access(names: QueueNames, anonymous: Credentials) -> Access:
    """To the emulators."""
    return Access(names.project, dict.fromkeys(SERVICES, anonymous))


@pytest.fixture
def tables(names: QueueNames, anonymous: Credentials) -> Iterator[bigquery.Client]:
    with closing(bigquery_client(names.project, anonymous)) as client:
        yield client


def outcomes(steps: Sequence[Step]) -> dict[str, str]:
    return {step.name.partition(" ")[0]: step.outcome for step in steps}


# ---- setup -------------------------------------------------------------------------------------------------


def test_a_fresh_project_gets_everything_and_then_the_check_is_content(
    access: Access, resources: Resources, anonymous: Credentials
) -> None:
    missing = [found for found in check(access, resources) if not found.ok]
    assert len(missing) == 6  # dataset, table, two topics, two subscriptions
    assert all(found.remedy == "logleap gcp setup" for found in missing)

    made = {step.name: step.outcome for step in setup(access, resources)}
    assert sorted(made.values()) == ["created"] * 6 + ["exists"] * 2  # the database, and what it supports

    assert [found for found in check(access, resources) if not found.ok] == []
    queue = PubSubTrainingQueue(resources.queue, anonymous)
    queue.publish(b"one")
    delivery = queue.receive(10)
    assert delivery is not None
    delivery.reject("a test")
    dead = queue.receive_dead(10)
    assert dead is not None
    assert dead.body == b"one"
    queue.close()


def test_repeating_the_setup_changes_nothing(
    access: Access, resources: Resources, subscribing: SubscriberClient, tables: bigquery.Client
) -> None:
    def state() -> tuple[Subscription, Subscription, list[bigquery.SchemaField]]:
        return (
            subscribing.get_subscription(subscription=resources.queue.subscription_path),
            subscribing.get_subscription(subscription=resources.queue.dead_subscription_path),
            tables.get_table(f"{access.project}.{resources.dataset}.entries").schema,
        )

    list(setup(access, resources))
    before = state()
    assert {step.outcome for step in setup(access, resources)} == {"exists"}
    assert state() == before


def test_two_setups_at_once_do_not_fail(
    access: Access, resources: Resources, race: Callable[..., list[list[Step]]]
) -> None:
    both = race(lambda: list(setup(access, resources)), lambda: list(setup(access, resources)))
    assert {step.outcome for steps in both for step in steps} <= {"created", "exists"}
    assert [found for found in check(access, resources) if not found.ok] == []


def test_the_subscription_is_set_up_as_operators_are_told(
    access: Access, resources: Resources, subscribing: SubscriberClient
) -> None:
    list(setup(access, replace(resources, ack_deadline=90, max_deliveries=7)))
    made = subscribing.get_subscription(subscription=resources.queue.subscription_path)
    assert made.ack_deadline_seconds == 90
    assert made.retry_policy.minimum_backoff.total_seconds() == 10
    assert made.retry_policy.maximum_backoff.total_seconds() == 600
    assert made.dead_letter_policy.max_delivery_attempts == 7
    assert made.dead_letter_policy.dead_letter_topic == resources.queue.dead_topic_path
    assert not made.expiration_policy.ttl
    letters = subscribing.get_subscription(subscription=resources.queue.dead_subscription_path)
    assert letters.topic == resources.queue.dead_topic_path
    assert not letters.dead_letter_policy.dead_letter_topic


@pytest.mark.parametrize(("hold", "deadline"), [(1, 10), (1200, 600)])
def test_a_hold_that_a_subscription_cannot_have_becomes_the_nearest(
    hold: int, deadline: int, access: Access, resources: Resources, subscribing: SubscriberClient
) -> None:
    list(setup(access, replace(resources, ack_deadline=hold)))
    made = subscribing.get_subscription(subscription=resources.queue.subscription_path)
    assert made.ack_deadline_seconds == deadline


def test_a_table_per_data_set_needs_no_table_beforehand(
    access: Access, resources: Resources, tables: bigquery.Client
) -> None:
    list(setup(access, replace(resources, layout=TablePerDataset())))
    assert list(tables.list_tables(resources.dataset)) == []


def test_a_table_made_by_hand_gets_the_two_columns_and_keeps_its_rows(
    access: Access, resources: Resources, tables: bigquery.Client
) -> None:
    where = f"{access.project}.{resources.dataset}.entries"
    tables.create_dataset(resources.dataset)
    tables.create_table(bigquery.Table(where, schema=ENTRY_COLUMNS))
    tables.query_and_wait(
        f"INSERT INTO `{where}` (timestamp, segmentId, owner, content, context) "
        "VALUES (TIMESTAMP '2026-08-01 12:00:00+00', 's', 'o', 'by hand', NULL)"
    )
    (found,) = [found for found in check(access, resources) if "table" in found.name]
    assert (found.ok, found.remedy) == (False, "logleap gcp setup")
    assert "batchId, sequence" in found.detail

    (step,) = [step for step in setup(access, resources) if "table" in step.name]
    assert step.outcome == "changed"
    table = tables.get_table(where)
    assert [(column.name, column.mode) for column in table.schema] == [
        *[(column.name, column.mode) for column in ENTRY_COLUMNS],
        ("batchId", "NULLABLE"),
        ("sequence", "NULLABLE"),
    ]
    # The emulator adds the columns to what it tells of the table, not to the table: don't ask for them.
    (row,) = tables.query_and_wait(f"SELECT content FROM `{where}`")
    assert tuple(row.values()) == ("by hand",)
    assert all(step.outcome == "exists" for step in setup(access, resources))


def test_another_table_of_that_name_is_left_alone(
    access: Access, resources: Resources, tables: bigquery.Client
) -> None:
    where = f"{access.project}.{resources.dataset}.entries"
    tables.create_dataset(resources.dataset)
    tables.create_table(bigquery.Table(where, schema=[bigquery.SchemaField("invoice", "STRING")]))
    (step,) = [step for step in setup(access, resources) if "table" in step.name]
    assert step.outcome == "todo"
    assert "this is another table" in step.detail
    assert [column.name for column in tables.get_table(where).schema] == ["invoice"]


def test_a_subscription_with_other_settings_is_told_and_left_alone(
    access: Access, resources: Resources, publishing: PublisherClient, subscribing: SubscriberClient
) -> None:
    names = resources.queue
    publishing.create_topic(name=names.topic_path)
    by_hand = subscribing.create_subscription(
        request={"name": names.subscription_path, "topic": names.topic_path, "ack_deadline_seconds": 42}
    )
    steps = {step.name: step for step in setup(access, resources)}
    told = steps[f"subscription {names.subscription}"]
    assert told.outcome == "todo"
    assert told.detail == (
        "The ack deadline is 42 s, it retries without a delay, it never gives a message up."
    )
    assert told.remedy == (
        f"gcloud pubsub subscriptions update {names.subscription} --project={names.project} "
        "--ack-deadline=60 --min-retry-delay=10s --max-retry-delay=600s "
        f"--dead-letter-topic={names.dead_topic_path} --max-delivery-attempts=20"
    )
    assert subscribing.get_subscription(subscription=names.subscription_path) == by_hand


WANTED = Subscription(
    name="projects/p/subscriptions/s",
    topic="projects/p/topics/t",
    ack_deadline_seconds=60,
    expiration_policy=ExpirationPolicy(),
    retry_policy=RetryPolicy(minimum_backoff={"seconds": 10}, maximum_backoff={"seconds": 600}),
    dead_letter_policy=DeadLetterPolicy(
        dead_letter_topic="projects/p/topics/t-dead", max_delivery_attempts=20
    ),
)


def changed(**fields: Any) -> Subscription:
    copy: Subscription = Subscription.copy_from(Subscription(), WANTED) or Subscription(WANTED)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


@pytest.mark.parametrize(
    ("found", "told", "command"),
    [
        (changed(), "", None),
        (changed(push_config=PushConfig(push_endpoint="https://worker")), "", None),
        (
            changed(expiration_policy=ExpirationPolicy(ttl={"seconds": 31 * 86400})),
            "31 days",
            "update s --project=p --expiration-period=never",
        ),
        (
            changed(retry_policy=RetryPolicy(minimum_backoff={"seconds": 1})),
            "other delays",
            "update s --project=p --min-retry-delay=10s --max-retry-delay=600s",
        ),
        (
            changed(dead_letter_policy=DeadLetterPolicy(dead_letter_topic="x", max_delivery_attempts=5)),
            "after 5 deliveries to x",
            "--dead-letter-topic=projects/p/topics/t-dead --max-delivery-attempts=20",
        ),
        (changed(bigquery_config={"table": "p.d.t"}), "writes to BigQuery", "--clear-bigquery-config"),
        (changed(cloud_storage_config={"bucket": "b"}), "Cloud Storage", "--clear-cloud-storage-config"),
        (
            changed(topic="_deleted-topic_"),
            "reads from _deleted-topic_, which cannot be changed",
            "delete s --project=p && logleap gcp setup",
        ),
        (changed(filter='attributes.a = "b"'), "filters by attributes.a", "delete s --project=p"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_difference_of_a_subscription_is_told_with_its_command(
    found: Subscription, told: str, command: str | None
) -> None:
    detail, remedy = differences(found, WANTED)
    assert told in detail
    assert (remedy is None) if command is None else (remedy is not None and command in remedy)


def test_dead_letters_that_would_die_again_are_told() -> None:
    wanted = changed(dead_letter_policy=None)
    assert differences(WANTED, wanted) == (
        "Its dead letters are given up again.",
        "gcloud pubsub subscriptions update s --project=p --clear-dead-letter-policy",
    )


STRING = bigquery.SchemaField("extra", "STRING")


@pytest.mark.parametrize(
    ("columns", "wrong", "missing"),
    [
        (COLUMNS, None, []),
        ([*COLUMNS, STRING], None, []),
        (COLUMNS[:6], None, ["sequence"]),
        ([bigquery.SchemaField(each.name.upper(), each.field_type) for each in COLUMNS], None, []),
        ([*ENTRY_COLUMNS, bigquery.SchemaField("sequence", "INT64")], None, ["batchId"]),
        (COLUMNS[1:], "It has no column timestamp", []),
        ([*COLUMNS[:6], bigquery.SchemaField("sequence", "STRING")], "not INTEGER", []),
        ([*COLUMNS[:4], bigquery.SchemaField("context", "STRING", "REPEATED")], "REPEATED STRING", []),
        ([*COLUMNS, bigquery.SchemaField("extra", "STRING", "REQUIRED")], "extra must not be REQUIRED", []),
        (
            [*COLUMNS[:6], bigquery.SchemaField("sequence", "INTEGER", "REQUIRED")],
            "sequence must not be REQUIRED",
            [],
        ),
    ],
)
def test_the_columns_of_a_table_made_by_hand_are_judged(
    columns: Sequence[bigquery.SchemaField], wrong: str | None, missing: list[str]
) -> None:
    told, added = compare_columns(columns)
    assert (told is None) if wrong is None else (told is not None and wrong in told)
    assert [column.name for column in added] == missing


# ---- services that are down --------------------------------------------------------------------------------


def test_services_that_are_down_are_told_each_within_ten_seconds(
    access: Access, resources: Resources, silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{silent_port}")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", silent_port)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", silent_port)
    start = time.monotonic()
    steps = list(setup(access, resources))
    assert time.monotonic() - start < 3 * 10
    assert [(step.name, step.outcome) for step in steps] == [
        ("BigQuery", "failed"),
        ("Firestore", "failed"),
        ("Pub/Sub", "failed"),
    ]


# ---- refusals of the real services -------------------------------------------------------------------------


class Google(BaseHTTPRequestHandler):
    """Tokens, Resource Manager and a table's permissions, with the answers that their documentation shows."""

    server: "GoogleServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            status, answer = self.server.token
        elif "/tables/entries:testIamPermissions" in self.path:
            asked = json.loads(body)["permissions"]
            status, answer = 200, {"permissions": [each for each in asked if each in self.server.on_table]}
        else:
            assert self.path == "/v3/projects/logleap-dev:testIamPermissions"
            assert self.headers["Authorization"] == "Bearer a-token"
            status, answer = self.server.permissions(json.loads(body)["permissions"])
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments: object) -> None:
        pass


class GoogleServer(HTTPServer):
    token: tuple[int, Any] = (200, {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"})
    denied: frozenset[str] = frozenset()
    on_table: frozenset[str] = frozenset()
    refusal: tuple[int, Any] | None = None

    def permissions(self, asked: Sequence[str]) -> tuple[int, Any]:
        return self.refusal or (200, {"permissions": [each for each in asked if each not in self.denied]})


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    with GoogleServer(("127.0.0.1", 0), Google) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(identity, "_RESOURCE_MANAGER", f"http://127.0.0.1:{server.server_port}/v3")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@dataclass
class Iam:
    """What Pub/Sub answers about roles, before the emulator, which knows none."""

    roles: dict[str, Sequence[str]] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()
    agent: str = "serviceAccount:service-123456@gcp-sa-pubsub.iam.gserviceaccount.com"

    def policy(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        asked = iam_policy_pb2.GetIamPolicyRequest.FromString(request)
        roles = self.roles.get(asked.resource.split("/")[2], [])
        bindings = [policy_pb2.Binding(role=role, members=["user:x@y.z", self.agent]) for role in roles]
        answer: bytes = policy_pb2.Policy(bindings=bindings).SerializeToString()
        return answer

    def permissions(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        asked = iam_policy_pb2.TestIamPermissionsRequest.FromString(request)
        granted = [each for each in asked.permissions if each not in self.denied]
        answer: bytes = iam_policy_pb2.TestIamPermissionsResponse(permissions=granted).SerializeToString()
        return answer


@pytest.fixture
def iam(front: Any) -> Iam:
    iam = Iam(roles={"topics": ["roles/pubsub.publisher"], "subscriptions": ["roles/pubsub.subscriber"]})
    front.answers |= {"GetIamPolicy": iam.policy, "TestIamPermissions": iam.permissions}
    return iam


class AccountCredentials(service_account.Credentials):
    """Those of a service account that ask nobody but the token's address for anything."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


@pytest.fixture
def identified(google: GoogleServer, private_key: str, names: QueueNames, iam: Iam) -> Access:
    """Access by a service account's key, as the real services want it. (Emulators take any.)"""
    key = {
        "client_email": "intake@accounts.iam.gserviceaccount.com",
        "private_key": private_key,
        "token_uri": f"http://127.0.0.1:{google.server_port}/token",
    }
    credentials = AccountCredentials.from_service_account_info(  # type: ignore[no-untyped-call]
        key, scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    return Access(names.project, dict.fromkeys(SERVICES, credentials))


def refuse_with(status: grpc.StatusCode, message: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(status, message)

    return refuse


def missing(found: Iterator[Check]) -> dict[str, Check]:
    return {each.name: each for each in found if not each.ok}


def test_with_all_roles_and_resources_nothing_is_missing(identified: Access, resources: Resources) -> None:
    assert {step.outcome for step in setup(identified, resources)} == {"created", "exists"}
    found = list(check(identified, resources))
    assert [each for each in found if not each.ok] == []
    assert {"credentials", "project", "roles/datastore.user"} <= {each.name for each in found}
    assert found[0].detail == "Google takes those of intake@accounts.iam.gserviceaccount.com."


def test_credentials_that_google_refuses_are_told_without_the_key(
    identified: Access, resources: Resources, google: GoogleServer, private_key: str
) -> None:
    google.token = (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    found = list(check(identified, resources))
    assert found[0].name == "credentials"
    assert not found[0].ok
    assert "Invalid JWT Signature" in found[0].detail
    assert private_key.splitlines()[3] not in repr(found)
    assert found[1].name == "project"
    assert not found[1].ok


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("bigquery.jobs.create", "roles/bigquery.jobUser"),
        ("datastore.entities.list", "roles/datastore.user"),
    ],
)
def test_a_missing_role_comes_with_the_command_that_grants_it(
    permission: str, role: str, identified: Access, resources: Resources, google: GoogleServer
) -> None:
    list(setup(identified, resources))
    google.denied = frozenset([permission])
    found = missing(check(identified, resources))
    assert list(found) == [role]
    assert permission in found[role].detail
    assert found[role].remedy == (
        "gcloud projects add-iam-policy-binding logleap-dev "
        f"--member=serviceAccount:intake@accounts.iam.gserviceaccount.com --role={role}"
    )


def test_a_role_that_makes_reading_faster_may_be_missing(
    identified: Access, resources: Resources, google: GoogleServer
) -> None:
    list(setup(identified, resources))
    google.denied = frozenset(["bigquery.readsessions.create"])
    found = {each.name: each for each in check(identified, resources)}
    assert all(each.ok for each in found.values())
    role = "roles/bigquery.readSessionUser"
    assert "Not permitted: bigquery.readsessions.create" in found[role].detail
    assert str(found[role].remedy).endswith(f"--role={role}")


def test_bigquerys_data_role_may_be_missing_in_the_project_if_the_dataset_grants_it(
    identified: Access, resources: Resources, google: GoogleServer, tables: bigquery.Client
) -> None:
    resources = replace(resources, layout=TablePerDataset())
    list(setup(identified, resources))
    google.denied = frozenset(["bigquery.tables.create", "bigquery.tables.updateData"])
    role = "roles/bigquery.dataEditor"
    found = missing(check(identified, resources))
    assert list(found) == [role]
    assert found[role].remedy == (
        "bq query --project_id=logleap-dev --use_legacy_sql=false "
        f"'GRANT `{role}` ON SCHEMA `logleap-dev`.`{resources.dataset}` "
        'TO "serviceAccount:intake@accounts.iam.gserviceaccount.com"\''
    )

    dataset = tables.get_dataset(resources.dataset)
    dataset.access_entries = [
        bigquery.AccessEntry("WRITER", "userByEmail", "intake@accounts.iam.gserviceaccount.com")
    ]
    tables.update_dataset(dataset, ["access_entries"])
    assert missing(check(identified, resources)) == {}


def test_with_a_shared_table_bigquerys_data_role_may_be_granted_on_the_table(
    identified: Access, resources: Resources, google: GoogleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = ["bigquery.tables.create", "bigquery.tables.getData", "bigquery.tables.updateData"]
    google.denied = frozenset(denied)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{google.server_port}")
    assert list(missing(identity.check_project(identified, resources))) == ["roles/bigquery.dataEditor"]
    google.on_table = frozenset(denied[1:])  # the table is there: none has to be created
    assert missing(identity.check_project(identified, resources)) == {}


def test_a_project_that_is_not_there_is_told(
    identified: Access, resources: Resources, google: GoogleServer
) -> None:
    list(setup(identified, resources))
    google.refusal = (403, {"error": {"code": 403, "message": "The caller does not have permission"}})
    found = missing(check(identified, resources))
    assert list(found) == ["project"]
    assert found["project"].remedy == "gcloud projects list"


def test_an_api_that_is_switched_off_comes_with_the_command_that_switches_it_on(
    identified: Access, resources: Resources, google: GoogleServer
) -> None:
    list(setup(identified, resources))
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": "cloudresourcemanager.googleapis.com", "consumer": "projects/123456"},
    }
    message = "Cloud Resource Manager API has not been used in project 123456 before or it is disabled."
    google.refusal = (403, {"error": {"code": 403, "message": message, "details": [info]}})
    (found,) = missing(check(identified, resources)).values()
    assert found.remedy == (
        "gcloud services enable cloudresourcemanager.googleapis.com --project=logleap-dev"
    )


@pytest.mark.parametrize(
    ("denied", "roles"),
    [
        ("pubsub.topics.publish", "roles/pubsub.publisher"),
        ("pubsub.subscriptions.consume", "roles/pubsub.subscriber"),
    ],
)
def test_a_missing_role_on_topic_or_subscription_comes_with_the_command_that_grants_it(
    denied: str, roles: str, identified: Access, resources: Resources, iam: Iam
) -> None:
    list(setup(identified, resources))
    iam.denied = frozenset([denied])
    found = missing(check(identified, resources))
    assert len(found) == 2  # the trainings and the dead letters
    for each in found.values():
        kind, name = each.name.split()[-2:]
        assert each.remedy == (
            f"gcloud pubsub {kind}s add-iam-policy-binding {name} --project=logleap-dev "
            f"--member=serviceAccount:intake@accounts.iam.gserviceaccount.com --role={roles}"
        )


def test_pubsubs_own_roles_for_dead_letters_are_asked_for_at_setup_and_at_check(
    identified: Access, resources: Resources, iam: Iam
) -> None:
    iam.roles = {"topics": ["roles/pubsub.viewer"]}
    todo = [step for step in setup(identified, resources) if step.outcome == "todo"]
    found = missing(check(identified, resources))
    assert [step.remedy for step in todo] == [each.remedy for each in found.values()]
    names = resources.queue
    agent = (
        '--member="serviceAccount:service-'
        "$(gcloud projects describe logleap-dev --format='value(projectNumber)')"
        '@gcp-sa-pubsub.iam.gserviceaccount.com"'
    )
    assert [step.remedy for step in todo] == [
        f"gcloud pubsub topics add-iam-policy-binding {names.topic}-dead --project=logleap-dev "
        f"{agent} --role=roles/pubsub.publisher",
        f"gcloud pubsub subscriptions add-iam-policy-binding {names.subscription} --project=logleap-dev "
        f"{agent} --role=roles/pubsub.subscriber",
    ]


@pytest.mark.parametrize("agent", ["serviceAccount:service-1@gcp-sa-pubsub.evil.com", "user:me@x.y"])
def test_roles_of_somebody_else_are_not_pubsubs_own(
    agent: str, identified: Access, resources: Resources, iam: Iam
) -> None:
    iam.agent = agent
    assert [step.outcome for step in setup(identified, resources)].count("todo") == 2


def test_a_setup_without_permission_fails_with_the_role_to_grant(
    identified: Access, resources: Resources, front: Any
) -> None:
    message = "User not authorized to perform this action."
    front.answers["CreateTopic"] = refuse_with(grpc.StatusCode.PERMISSION_DENIED, message)
    steps = {step.name: step for step in setup(identified, resources)}
    failed = steps[f"topic {resources.queue.topic}"]
    assert failed.outcome == "failed"
    assert failed.detail == "Permission denied: User not authorized to perform this action."
    assert failed.remedy is not None
    assert failed.remedy.endswith("--role=roles/pubsub.editor")
    assert steps[f"BigQuery dataset {resources.dataset}"].outcome == "created"


@pytest.fixture
def firestore_front(
    emulators: Emulators, make_front: Callable[[str], tuple[Any, str]], monkeypatch: pytest.MonkeyPatch
) -> Any:
    front, address = make_front(emulators.exports()["FIRESTORE_EMULATOR_HOST"])
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
    return front


def test_missing_indexes_come_each_with_the_command_that_makes_it(
    identified: Access, resources: Resources, firestore_front: Any
) -> None:
    list(setup(identified, resources))

    def refuse_what_needs_an_index(request: bytes, context: grpc.ServicerContext) -> bytes:
        if b"logleap-check" not in request:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "The query requires an index.")
        return b""

    firestore_front.answers["RunQuery"] = refuse_what_needs_an_index
    found = missing(check(identified, resources))
    assert len(found) == len(indexes("logleap"))
    runs = found["Firestore index logleap-runs (finished, dueAt)"]
    assert runs.remedy == (
        "gcloud firestore indexes composite create --project=logleap-dev "
        "--collection-group=logleap-runs --query-scope=collection-group "
        "--field-config=field-path=finished,order=ascending "
        "--field-config=field-path=dueAt,order=ascending"
    )


def database_step(steps: Iterator[Step]) -> Step:
    return next(step for step in steps if step.name == "Firestore database")


def test_a_database_that_is_not_there_comes_with_the_command_that_makes_it(
    identified: Access, resources: Resources, firestore_front: Any
) -> None:
    firestore_front.answers["RunQuery"] = refuse_with(grpc.StatusCode.NOT_FOUND, "It does not exist.")
    assert database_step(setup(identified, resources)) == Step(
        "Firestore database",
        "todo",
        "The database (default) does not exist.",
        "gcloud firestore databases create --location=eur3 --project=logleap-dev",
    )


def test_a_database_of_another_kind_is_told(
    identified: Access, resources: Resources, firestore_front: Any
) -> None:
    message = "The Cloud Firestore API is not available for Firestore in Datastore Mode database."
    firestore_front.answers["RunQuery"] = refuse_with(grpc.StatusCode.FAILED_PRECONDITION, message)
    step = database_step(setup(identified, resources))
    assert (step.outcome, step.remedy) == ("todo", None)
    assert message in step.detail


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"concurrency_mode": "PESSIMISTIC", "database_edition": "STANDARD"}, "pessimistic.*standard"),
        ({"concurrency_mode": "OPTIMISTIC", "database_edition": "ENTERPRISE"}, "optimistic.*enterprise"),
        ({"concurrency_mode": "OPTIMISTIC_WITH_ENTITY_GROUPS"}, "choose another database"),
    ],
)
def test_a_check_names_the_concurrency_mode_and_the_edition(
    fields: Mapping[str, Any], told: str, identified: Access, resources: Resources, firestore_front: Any
) -> None:
    database = Database(**fields)
    firestore_front.answers["GetDatabase"] = lambda *_: Database.serialize(database)
    mode = next(found for found in check(identified, resources) if found.name == "Firestore mode")
    assert mode.ok
    assert re.search(told, mode.detail)


def test_a_mode_that_may_not_be_read_fails_no_check(
    identified: Access, resources: Resources, firestore_front: Any
) -> None:
    firestore_front.answers["GetDatabase"] = refuse_with(grpc.StatusCode.PERMISSION_DENIED, "No.")
    mode = next(found for found in check(identified, resources) if found.name == "Firestore mode")
    assert mode.ok
    assert mode.remedy is not None
    assert mode.remedy.endswith("--role=roles/datastore.viewer")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "an upload takes one request"),
        (grpc.StatusCode.INVALID_ARGUMENT, "uploads take transactions"),
        (None, "ignores a condition"),
    ],
)
def test_a_check_tries_whether_a_commit_can_verify(
    status: Any, told: str, identified: Access, resources: Resources, firestore_front: Any
) -> None:
    firestore_front.answers["Commit"] = (lambda *_: b"") if status is None else refuse_with(status, "No.")
    verify = next(found for found in check(identified, resources) if found.name == "Firestore verify")
    assert verify.ok
    assert told in verify.detail


def test_the_emulator_verifies(identified: Access, resources: Resources) -> None:
    verify = next(found for found in check(identified, resources) if found.name == "Firestore verify")
    assert "an upload takes one request" in verify.detail


def test_the_indexes_bear_the_prefix_of_the_installation() -> None:
    groups = [index["collectionGroup"] for index in indexes("staging")]
    assert {re.sub("-.*", "", group) for group in groups} == {"staging"}
    assert sorted(set(groups)) == ["staging-datasets", "staging-runs"]
