"""The same resources for Terraform, in its JSON syntax.

https://developer.hashicorp.com/terraform/language/syntax/json, and the provider's own pages:
https://registry.terraform.io/providers/hashicorp/google/latest/docs
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from google.pubsub_v1 import Subscription

from logleap.adapters.gcp.bigquery.tables import CLUSTERING, COLUMNS
from logleap.adapters.gcp.provisioning.firestore import Index, indexes, location_of
from logleap.adapters.gcp.provisioning.identity import PROJECT_ROLES
from logleap.adapters.gcp.provisioning.pubsub import forwarding, subscriptions, topics
from logleap.adapters.gcp.provisioning.steps import Resources

Json = dict[str, Any]

_PROJECT = "${var.project}"
_AGENT = "serviceAccount:service-${data.google_project.project.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
_ACCOUNTS = "${toset(var.service_accounts)}"
_MEMBER = "serviceAccount:${each.value}"


def configuration(resources: Resources) -> Json:
    """What `setup` makes, the Firestore database too, and the roles of the service accounts."""
    made: Json = {
        "google_bigquery_dataset": {"entries": _dataset(resources)},
        "google_firestore_database": {"default": _database(resources)},
        "google_firestore_index": {
            _name_of(index): _index(index) for index in indexes(resources.firestore_prefix)
        },
        "google_pubsub_topic": {
            _label(topic): {"project": _PROJECT, "name": _last(topic)} for topic in topics(resources)
        },
        "google_pubsub_subscription": {
            _label(each.name): _subscription(each) for each in subscriptions(resources)
        },
    }
    if resources.layout.shared:
        made["google_bigquery_table"] = {"entries": _table(resources)}
    for kind, name, fields in _roles(resources):
        made.setdefault(kind, {})[name] = fields
    return {
        "//": "Written by: logleap gcp terraform. Do not edit: it is made again from LogLeap's own table.",
        "terraform": {"required_providers": {"google": {"source": "hashicorp/google", "version": ">= 6.0"}}},
        "variable": {
            "project": {"type": "string", "description": "The id of the project."},
            "service_accounts": {
                "type": "list(string)",
                "description": "The addresses of the service accounts of API and worker.",
            },
        },
        "data": {"google_project": {"project": {"project_id": _PROJECT}}},
        "resource": made,
    }


def _dataset(resources: Resources) -> Json:
    return {
        "project": _PROJECT,
        "dataset_id": resources.dataset,
        "location": resources.location,
        "delete_contents_on_destroy": False,
    }


def _table(resources: Resources) -> Json:
    schema = [{"name": column.name, "type": column.field_type, "mode": column.mode} for column in COLUMNS]
    return {
        "project": _PROJECT,
        "dataset_id": "${google_bigquery_dataset.entries.dataset_id}",
        "table_id": resources.layout.table_name(""),
        "schema": json.dumps(schema),
        "clustering": list(CLUSTERING),
        "deletion_protection": True,
    }


def _database(resources: Resources) -> Json:
    return {
        "project": _PROJECT,
        "name": "(default)",
        "location_id": location_of(resources),
        "type": "FIRESTORE_NATIVE",
        "deletion_policy": "ABANDON",
    }


def _index(index: Index) -> Json:
    return {
        "project": _PROJECT,
        "database": "${google_firestore_database.default.name}",
        "collection": index["collectionGroup"],
        "query_scope": index["queryScope"],
        "fields": [{"field_path": field["fieldPath"], "order": field["order"]} for field in index["fields"]],
    }


def _subscription(wanted: Subscription) -> Json:
    made: Json = {
        "project": _PROJECT,
        "name": _last(wanted.name),
        "topic": _reference("google_pubsub_topic", wanted.topic, "id"),
        "ack_deadline_seconds": wanted.ack_deadline_seconds,
        "expiration_policy": {"ttl": ""},
    }
    if "retry_policy" in wanted:
        policy = wanted.retry_policy
        made["retry_policy"] = {
            "minimum_backoff": f"{policy.minimum_backoff.total_seconds():g}s",
            "maximum_backoff": f"{policy.maximum_backoff.total_seconds():g}s",
        }
    if "dead_letter_policy" in wanted:
        dead = wanted.dead_letter_policy
        made["dead_letter_policy"] = {
            "dead_letter_topic": _reference("google_pubsub_topic", dead.dead_letter_topic, "id"),
            "max_delivery_attempts": dead.max_delivery_attempts,
        }
    return made


def _roles(resources: Resources) -> Iterator[tuple[str, str, Json]]:
    """Kind, name and fields of each."""
    for path, role in forwarding(resources):
        kind = "topic" if "/topics/" in path else "subscription"
        of = {"project": _PROJECT, kind: _reference(f"google_pubsub_{kind}", path, "name")}
        yield f"google_pubsub_{kind}_iam_member", "pubsub_itself", {**of, "role": role, "member": _AGENT}
    for topic in topics(resources):
        of = {"project": _PROJECT, "topic": _reference("google_pubsub_topic", topic, "name")}
        fields = {"for_each": _ACCOUNTS, **of, "role": "roles/pubsub.publisher", "member": _MEMBER}
        yield "google_pubsub_topic_iam_member", f"publisher_{_label(topic)}", fields
    for subscription in subscriptions(resources):
        path = subscription.name
        of = {"project": _PROJECT, "subscription": _reference("google_pubsub_subscription", path, "name")}
        fields = {"for_each": _ACCOUNTS, **of, "role": "roles/pubsub.subscriber", "member": _MEMBER}
        yield "google_pubsub_subscription_iam_member", f"subscriber_{_label(path)}", fields
    for role in PROJECT_ROLES:
        fields = {"for_each": _ACCOUNTS, "project": _PROJECT, "role": role, "member": _MEMBER}
        yield "google_project_iam_member", role.rpartition("/")[2].replace(".", "_"), fields
    yield (
        "google_bigquery_dataset_iam_member",
        "entries",
        {
            "for_each": _ACCOUNTS,
            "project": _PROJECT,
            "dataset_id": "${google_bigquery_dataset.entries.dataset_id}",
            "role": "roles/bigquery.dataEditor",
            "member": _MEMBER,
        },
    )


def _reference(kind: str, path: str, attribute: str) -> str:
    return f"${{{kind}.{_label(path)}.{attribute}}}"


def _label(path: str) -> str:
    """What Terraform calls it: a letter or `_`, then letters, digits, `_` and `-`."""
    label = re.sub(r"[^A-Za-z0-9_-]", "_", _last(path))
    return label if re.match("[A-Za-z_]", label) else f"_{label}"


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _name_of(index: Index) -> str:
    fields = "_".join(field["fieldPath"] for field in index["fields"])
    return _label(f"{index['collectionGroup']}_{fields}")
