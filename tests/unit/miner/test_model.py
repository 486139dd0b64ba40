"""The log model's file: canonical, checked against its schema, refused when damaged."""

import json
from dataclasses import replace

import jsonschema_rs
import pytest

from logleap.miner.errors import ModelDamaged, ModelError, ModelTooNew, ModelTooOld
from logleap.miner.model import (
    Example,
    Follower,
    LogModel,
    Numbers,
    Position,
    Template,
    Windows,
    schema,
    template_id,
)

TOKENS = ("request", " took", " <*>")
NUMBERS = Numbers("ms", 3, "12", "17.5", "12", "17.5", {"0.5": "13"})
TEMPLATE = Template(
    id=template_id("error", TOKENS),
    severity="error",
    tokens=TOKENS,
    count=3,
    first=-5,
    last=2_000_000,
    windows=((0, 2), (2, 1)),
    examples=(Example(-5, "request took 12ms"), Example(7, "r \u202e \U0001f600 \x00")),
    positions=(Position({"number": 3}, True, 2, (("12ms", 2), ("17.5ms", 1)), (NUMBERS,)),),
    followers=(Follower(template_id("error", TOKENS), 2),),
)
MODEL = LogModel(
    masks="0" * 64,
    entries=9,
    first=-5,
    last=2_000_000,
    windows=Windows(-1_000_000, 1_000_000, 4),
    templates=(TEMPLATE,),
    baseline="f" * 64,
)
EMPTY = LogModel(masks="0" * 64, entries=0)


@pytest.mark.parametrize("model", [MODEL, EMPTY], ids=["full", "empty"])
def test_a_model_is_what_its_bytes_say(model: LogModel) -> None:
    assert LogModel.from_json(model.to_bytes()) == model
    assert LogModel.from_json(model.to_bytes()).to_bytes() == model.to_bytes()


@pytest.mark.parametrize("model", [MODEL, EMPTY], ids=["full", "empty"])
def test_the_bytes_are_canonical_json_and_match_the_schema(model: LogModel) -> None:
    document = json.loads(model.to_bytes())
    assert json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii") == model.to_bytes()
    jsonschema_rs.validate(json.loads(schema()), document)


def test_the_schema_refuses_what_is_no_model() -> None:
    document = json.loads(MODEL.to_bytes())
    document["templates"][0]["count"] = 0
    assert not jsonschema_rs.is_valid(json.loads(schema()), document)


def test_a_template_tells_its_text_and_share() -> None:
    document = json.loads(MODEL.to_bytes())["templates"][0]
    assert (document["text"], document["share"]) == ("request took <*>", "0.333333")
    assert TEMPLATE.share(0) == "0.000000"


def test_templates_of_equal_text_and_other_severity_have_other_ids() -> None:
    assert template_id(None, TOKENS) != template_id("info", TOKENS) != template_id("error", TOKENS)


def test_a_position_tells_its_type() -> None:
    position = TEMPLATE.positions[0]
    assert (position.type, position.complete) == ("number", True)
    assert replace(position, types={"number": 1, "word": 2}, exact=False).type == "mixed"
    assert not replace(position, exact=False).complete


def test_a_template_is_found_by_its_id() -> None:
    assert MODEL.by_id[TEMPLATE.id] is MODEL.templates[0]


@pytest.mark.parametrize("end", range(0, 900, 37))
def test_a_cut_file_is_refused(end: int) -> None:
    with pytest.raises(ModelDamaged, match="cut or damaged"):
        LogModel.from_json(MODEL.to_bytes()[:end])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"count":3', '"count":4'),
        ('"text":"request', '"text":"response'),
        ('"entries":9', '"entries": 9'),
        ('"entries":9,', ""),
        ('"windows":[[0,2]', '"windows":[[0]'),
        ('"severity":"error"', '"severity":"info"'),
        ('"version":2', '"version":0'),
        ('"version":2', '"version":"1"'),
    ],
)
def test_an_edited_file_is_refused(old: str, new: str) -> None:
    edited = MODEL.to_bytes().replace(old.encode(), new.encode())
    assert edited != MODEL.to_bytes()
    with pytest.raises(ModelDamaged, match=r"edited|damaged"):
        LogModel.from_json(edited)


def test_a_file_of_a_later_version_names_both_versions() -> None:
    with pytest.raises(ModelTooNew, match="has version 3; this LogLeap reads version 2"):
        LogModel.from_json(MODEL.to_bytes().replace(b'"version":2', b'"version":3'))


def test_a_file_of_an_earlier_version_names_both_and_the_remedy() -> None:
    with pytest.raises(ModelTooOld, match=r"has version 1; this LogLeap reads version 2. Train it again"):
        LogModel.from_json(MODEL.to_bytes().replace(b'"version":2', b'"version":1'))


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"format":"other"}'])
def test_other_json_is_not_a_log_model(content: bytes) -> None:
    with pytest.raises(ModelError, match="not a log model"):
        LogModel.from_json(content)
