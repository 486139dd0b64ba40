"""What receipts add up to."""

from logleap.domain.entries import Manifest


def test_a_manifest_adds_up_its_batches() -> None:
    assert Manifest("d-1", {}).entries == 0
    assert Manifest("d-1", {"a": 2, "b": 10**12}).entries == 10**12 + 2
