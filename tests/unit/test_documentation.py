"""What the documentation names is there, and what there is to set is in it."""

import re
from pathlib import Path

import pytest

from logleap.domain.datasets import EventKind
from logleap.domain.events import DELETED
from logleap.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "logleap"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for place, _, heading in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", page.read_text("utf-8")):
        target = page.parent / place if place else page
        assert target.exists(), f"{page.name} links to {place}"
        if heading:
            assert heading in headings(target), f"{page.name} links to {place}#{heading}"


def test_every_setting_is_documented() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    variables = {f"LOGLEAP_{name.upper()}" for name in Settings.model_fields}
    assert variables - set(re.findall(r"LOGLEAP_[A-Z_]+", text)) == set()


def test_the_architecture_page_names_files_that_exist() -> None:
    page = ARCHITECTURE.read_text("utf-8")
    quoted = set(re.findall(r"`([^`\s<>{}]+)`", page))
    named = {text for text in quoted if re.search(r"\w/$|\w\.(py|c|md|toml)$", text)}
    assert len(named) > 50
    # Paths are relative to the package or to the repository; `/data` and the like are calls of the API.
    lost = {text for text in named if not any((base / text).exists() for base in (PACKAGE, ROOT))}
    assert lost == set()


def test_the_architecture_page_knows_every_layer_and_every_port() -> None:
    page = ARCHITECTURE.read_text("utf-8")
    ports = [path for path in PACKAGE.glob("ports/*.py") if path.stem != "__init__"]
    alias = "handler"  # of `client.logging_handler`, for old configurations
    layers = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name != alias]
    assert ports
    assert layers
    for path in ports:
        assert f"`ports/{path.name}`" in page
    for path in layers:
        assert f"`{path.name}/`" in page


def test_the_page_of_events_has_a_row_for_every_type() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    rows = "\n".join(re.findall(r"^\| `logleap\..*?\|", page, re.MULTILINE))
    assert set(re.findall(r"`logleap\.([a-z-]+)`", rows)) == {*EventKind, DELETED}


def headings(page: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/decisions/[0-9]*.md")), ids=lambda page: page.stem)
def test_a_decision_has_a_status_a_date_and_four_sections(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.search(r"^- Status: (proposed|accepted|superseded by )", text, re.MULTILINE)
    assert re.search(r"^- Date: \d{4}-\d\d-\d\d", text, re.MULTILINE)
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections == ["Context", "Decision", "Consequences", "Alternatives"]
