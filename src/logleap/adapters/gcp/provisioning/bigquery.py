"""The dataset that holds the entries, and the shared table."""

from collections.abc import Iterator, Sequence

from google.api_core import exceptions
from google.cloud import bigquery

from logleap.adapters.gcp.bigquery.tables import COLUMNS, ENTRY_COLUMNS, PLACE_COLUMNS, entries_table
from logleap.adapters.gcp.google.clients import bigquery_client
from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.provisioning.steps import CALL, SETUP, Check, Resources, Step, run_check, run_step

_EDITOR = "roles/bigquery.dataEditor"
_SAME_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


class BigQueryProvisioning:
    """The dataset; with the layout `shared-table` its table too, with all columns."""

    def __init__(self, access: Access, resources: Resources) -> None:
        self._access = access
        self._location = resources.location
        self._client = bigquery_client(access.project, access.credentials["bigquery"])
        self._dataset = bigquery.DatasetReference(access.project, resources.dataset)
        self._table = (
            self._dataset.table(resources.layout.table_name("")) if resources.layout.shared else None
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def setup(self) -> Iterator[Step]:
        """Make the dataset, and the shared table or the columns that it lacks."""
        yield run_step(self._access, self._dataset_label, _EDITOR, self._make_dataset)
        if self._table is not None:
            table = self._table
            yield run_step(self._access, _label(table), _EDITOR, lambda: self._make_table(table))

    def check(self) -> Iterator[Check]:
        """Look at the dataset and the shared table."""
        yield run_check(self._access, self._dataset_label, _EDITOR, self._check_dataset)
        if self._table is not None:
            table = self._table
            yield run_check(self._access, _label(table), _EDITOR, lambda: self._check_table(table))

    @property
    def _dataset_label(self) -> str:
        return f"BigQuery dataset {self._dataset.dataset_id}"

    def _make_dataset(self) -> Step:
        dataset = bigquery.Dataset(self._dataset)
        dataset.location = self._location
        try:
            self._client.create_dataset(dataset, **CALL)
        except exceptions.Conflict:
            return self._check_dataset().as_step()
        return Step(self._dataset_label, "created", f"It is new, in {self._location}.")

    def _check_dataset(self) -> Check:
        try:
            found = self._client.get_dataset(self._dataset, **CALL)
        except exceptions.NotFound:
            return Check(self._dataset_label, False, "It does not exist.", SETUP)
        expires = found.default_table_expiration_ms
        if expires is not None:
            return Check(
                self._dataset_label,
                False,
                f"It deletes its tables {expires / 86_400_000:g} days after they were made.",
                f"bq update --default_table_expiration 0 {self._dataset.project}:{self._dataset.dataset_id}",
            )
        return Check(self._dataset_label, True, f"It exists, in {found.location or 'an emulator'}.")

    def _make_table(self, reference: bigquery.TableReference) -> Step:
        try:
            self._client.create_table(entries_table(reference), **CALL)
        except exceptions.Conflict:
            return self._complete_table(reference)
        return Step(_label(reference), "created", "It is new.")

    def _complete_table(self, reference: bigquery.TableReference) -> Step:
        """Add the columns of a row's place to a table made by hand; all else there is its owner's matter."""
        table = self._client.get_table(reference, **CALL)
        wrong, missing = compare_columns(table.schema)
        if wrong:
            return Step(_label(reference), "todo", wrong)
        if not missing:
            return Step(_label(reference), "exists", "It existed, with all columns.")
        table.schema = [*table.schema, *missing]
        self._client.update_table(table, ["schema"], **CALL)  # refused if it was changed since it was read
        names = ", ".join(column.name for column in missing)
        return Step(_label(reference), "changed", f"It existed and has the columns {names} now.")

    def _check_table(self, reference: bigquery.TableReference) -> Check:
        try:
            table = self._client.get_table(reference, **CALL)
        except exceptions.NotFound:
            return Check(_label(reference), False, "It does not exist.", SETUP)
        wrong, missing = compare_columns(table.schema)
        if wrong:
            return Check(_label(reference), False, wrong)
        if missing:
            names = ", ".join(column.name for column in missing)
            return Check(_label(reference), False, f"It lacks the columns {names}.", SETUP)
        return Check(_label(reference), True, "It exists, with all columns.")


def compare_columns(
    found: Sequence[bigquery.SchemaField],
) -> tuple[str | None, Sequence[bigquery.SchemaField]]:
    """What is wrong with a table's columns and has to be mended by hand, and which ones `setup` adds."""
    by_name = {column.name.lower(): column for column in found}  # BigQuery's names do not tell case apart
    lacking = [column for column in ENTRY_COLUMNS if column.name.lower() not in by_name]
    if lacking:
        return f"It has no column {', '.join(column.name for column in lacking)}: this is another table.", []
    for column in COLUMNS:
        there = by_name.get(column.name.lower())
        if there is not None and (_type(there), there.mode == "REPEATED") != (_type(column), False):
            return f"Its column {there.name} is {there.mode} {there.field_type}, not {column.field_type}.", []
    ours = {column.name.lower() for column in COLUMNS}
    for name, column in by_name.items():
        if column.mode == "REQUIRED" and (
            name not in ours or name in {place.name.lower() for place in PLACE_COLUMNS}
        ):
            return f"Its column {column.name} must not be REQUIRED.", []
    return None, [column for column in PLACE_COLUMNS if column.name.lower() not in by_name]


def _type(column: bigquery.SchemaField) -> str:
    return _SAME_TYPE.get(column.field_type.upper(), column.field_type.upper())


def _label(table: bigquery.TableReference) -> str:
    return f"BigQuery table {table.dataset_id}.{table.table_id}"
