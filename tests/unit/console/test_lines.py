from array import array
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.entries import Entries, PlacedEntries
from logleap.entrypoints.console.formats import fitting
from logleap.entrypoints.console.lines import ROOM, lines, marked

TEXT = st.text(
    st.one_of(st.sampled_from("<>&\"'\u202e\x00\x1b \n"), st.characters(codec="utf-8")), max_size=60
)


class Parsed(HTMLParser):
    """What a browser makes of a piece of HTML: its text, its elements, and the text that is marked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.marked, self.elements = "", "", set[str]()
        self._open: list[str] = []
        self.feed(str(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        shown = chr(int(data[2:], 16)) if self._open[-1:] == ["span"] else data
        self.text += shown
        if "mark" in self._open:
            self.marked += shown


def placed(messages: list[str], context: str | None = None) -> PlacedEntries:
    count = len(messages)
    entries = Entries(array("q", range(count)), messages, [context] * count)
    return PlacedEntries(entries, ["batch"] * count, range(count))


@given(TEXT, TEXT.filter(bool))
def test_a_message_is_shown_as_it_is_with_what_was_sought_marked(before: str, sought: str) -> None:
    parsed = Parsed(marked(f"{before}{sought}.", sought, 2000))
    assert parsed.text == f"{before}{sought}."
    assert parsed.marked == sought
    assert parsed.elements <= {"bdi", "span", "mark"}


@given(TEXT)
def test_what_was_sought_in_vain_marks_nothing(message: str) -> None:
    assert "mark" not in Parsed(marked(message, f"{message}.", 2000)).elements


def test_of_a_long_message_the_place_of_what_was_sought_is_shown() -> None:
    parsed = Parsed(marked("a" * 5000 + "needle" + "b" * 5000, "needle", 500))
    assert parsed.marked == "needle"
    assert len(parsed.text) < 510
    assert parsed.text.startswith("…aaa")
    assert parsed.text.endswith("bbb…")
    assert Parsed(marked("n" * 5000, "n" * 3000, 500)).text == "n" * 500 + "……"


@given(TEXT, st.integers(1, 400))
def test_a_text_fits_its_room(value: str, room: int) -> None:
    many = value * 50
    shown, whole = fitting(many, room + 100)
    assert len(shown.encode()) <= room + 100
    assert many.startswith(Parsed(shown).text.removesuffix("…"))
    assert not whole or Parsed(shown).text == many


def test_lines_have_room_together_and_say_if_they_are_cut() -> None:
    few = lines(placed(["short", "x" * 1500], "context"))
    assert [line.cut for line in few] == [False, False]
    assert str(few[0].context) == '<bdi class="text">context</bdi>'
    many = lines(placed(["\u202e" * 3000] * 100, "\x00" * 3000))
    assert all(line.cut for line in many)
    assert sum(len(line.message) + len(line.context or "") for line in many) <= ROOM
    assert lines(None) == []
