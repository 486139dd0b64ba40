"""The console in a browser: a user's whole path, what shuts people out, and what hostile log lines may do.

With LOGLEAP_SCREENSHOTS=1 the pictures of the README and the docs are made: docs/images/.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import FloatRect, Page, expect

from logleap.client import Client
from logleap.client.sample import sample_log

IMAGES = Path(__file__).parents[2] / "docs/images"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>{{ 7*7 }}<!--',
    "javascript:alert(4) </td></table></main>",
    "from right to left \u202e dne eht ot \u2066\u2067 and a bell \x07 a null \x00 an escape \x1b[31m",
    "\ud7ff\ue000\ufeff\u200b invisible \u0301\u0301\u0301",
    "A" * ((1 << 20) - 6000),
)


def picture(page: Page, name: str, height: int | None = None) -> None:
    """Take a picture of what is seen (of so many pixels from the top), light and dark, if any are wanted."""
    if os.environ.get("LOGLEAP_SCREENSHOTS") != "1":
        return
    IMAGES.mkdir(exist_ok=True)
    seen = page.viewport_size
    assert seen is not None
    top = page.evaluate("window.scrollY")
    clip: FloatRect = {"x": 0, "y": top, "width": seen["width"], "height": height or seen["height"]}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=IMAGES / f"console-{name}-{scheme}.png", clip=clip)
    page.emulate_media(color_scheme="light")


def test_a_user_finds_a_planted_change_by_clicks(visiting: Any, later_log: Path) -> None:
    with visiting() as visitor:
        page = visitor.sign_in()
        expect(page.get_by_role("heading", name="Data sets")).to_be_visible()
        upload(page, sample_log())
        page.get_by_label("Task").select_option("log-model")
        page.get_by_role("button", name="Train").click()
        expect(page.locator("main .state-succeeded").first).to_be_visible()
        upload(page, later_log)
        picture(page, "dataset")
        page.get_by_role("link", name="Compare").first.click()
        page.get_by_label("All entries are uploaded").check()
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", name="Changes")).to_be_visible()
        change = (
            page.locator("ol.changes > li").filter(has_text="Column <*> of table orders is missing").first
        )
        expect(change.locator(".kind")).to_have_text("new")
        picture(page, "run")
        change.locator("ul.examples a").first.click()
        line = page.locator("tr[aria-current=true]")
        expect(line).to_contain_text("of table orders is missing")
        assert page.locator("table.lines tbody tr").count() > 10
        picture(page, "entry", 640)


def upload(page: Page, log: Path) -> None:
    page.get_by_role("link", name="Upload", exact=True).first.click()
    page.get_by_label("Name").fill("order line")
    page.get_by_label("Log file").set_input_files(log)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="Uploaded")).to_be_visible()
    page.get_by_role("link", name="Show the data set").click()


def paths(compared: Any) -> list[str]:
    """A page of each kind."""
    data = f"/console/data/{compared.after}"
    run = f"{data}/runs/{compared.run}"
    return [
        "/console",
        data,
        f"{data}/report",
        f"{data}/upload",
        f"{data}/delete",
        "/console/new",
        "/console/account",
        f"{data}/entries?contains=tote&from=2026-03-09T07:00:00Z&to=2026-03-09T07:30:00Z",
        f"{data}/entries?from=yesterday",
        run,
        f"{run}?show=before-error",
        f"{run}/templates",
        f"{run}/known",
        f"{data}/compare",
        f"{data}/entries/nowhere/0",
    ]


def test_axe_finds_nothing_that_shuts_people_out(visiting: Any, compared: Any, axe_script: str) -> None:
    found = []
    with visiting() as visitor:
        page = visitor.page()
        found += violations(page, axe_script)
        page.close()
        page = visitor.sign_in()
        for path in paths(compared):
            page.goto(visitor.server.url + path)
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            found += violations(page, axe_script)
    assert not found


def violations(page: Page, axe_script: str) -> list[str]:
    """What axe finds, light and dark: in the dark other colours are all that is different."""
    # Not by a script element: the page's policy forbids it.
    page.evaluate(f"(() => {{ {axe_script} }})()")
    found = []
    for scheme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        told = page.evaluate(
            "options => axe.run(document, { resultTypes: ['violations'], ...options })", options
        )
        found += [
            f"{page.url} {scheme}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
            for each in told["violations"]
        ]
    page.emulate_media(color_scheme="light")
    return found


def test_no_page_is_wider_than_a_phone(visiting: Any, compared: Any) -> None:
    with visiting(viewport={"width": 360, "height": 740}, device_scale_factor=1.5, is_mobile=True) as visitor:
        page = visitor.sign_in()
        wide = []
        for path in paths(compared):
            page.goto(visitor.server.url + path)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wide.append(path)
        page.goto(f"{visitor.server.url}/console/data/{compared.after}/runs/{compared.run}")
        picture(page, "phone")
    assert not wide


def test_the_keyboard_alone_leads_to_an_entry(visiting: Any, compared: Any) -> None:
    with visiting() as visitor:
        page = visitor.sign_in()
        page.goto(f"{visitor.server.url}/console/data/{compared.after}/entries")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to content")
        page.keyboard.press("Enter")
        for _ in range(4):  # past the data set's link and the two times
            page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_attribute("name", "contains")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.type("of table orders is missing")
        page.keyboard.press("Enter")
        expect(page.locator("table.lines mark").first).to_have_text("of table orders is missing")
        page.locator("figure details summary").focus()
        page.keyboard.press("Enter")
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**from=20*")
        assert 0 < page.locator("table.lines tbody tr").count() < 100


def test_a_bar_of_the_chart_leads_to_the_entries_of_its_time(visiting: Any, compared: Any) -> None:
    with visiting() as visitor:
        page = visitor.sign_in()
        page.goto(f"{visitor.server.url}/console/data/{compared.after}/entries")
        expect(page.locator("[data-zone]")).to_have_text("(Europe/Berlin)")
        picture(page, "entries")
        page.locator("svg.histogram a").nth(5).click()
        page.wait_for_url("**from=*")
        begin = page.get_by_label("From (UTC)").input_value()
        assert page.locator("table.lines time").first.get_attribute("datetime") >= begin[:19]


def test_several_bars_are_picked_by_dragging_over_them(visiting: Any, compared: Any) -> None:
    with visiting() as visitor:
        page = visitor.sign_in()
        page.goto(f"{visitor.server.url}/console/data/{compared.after}")
        bars = page.locator("svg.histogram a")
        spans = [parse_qs(urlsplit(str(bars.nth(at).get_attribute("href"))).query) for at in (2, 6)]
        for at, act in ((6, page.mouse.down), (2, page.mouse.up)):  # backwards
            box = bars.nth(at).bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            act()
        page.wait_for_url("**from=*")
        assert page.get_by_label("From (UTC)").input_value() == spans[0]["from"][0]
        assert page.get_by_label("To, not included").input_value() == spans[1]["to"][0]
        assert page.locator("svg.histogram a").count() > 5


def test_pages_can_be_read_without_javascript(visiting: Any, compared: Any) -> None:
    with visiting(java_script_enabled=False, locale="de-DE") as visitor:
        page = visitor.sign_in()
        page.goto(f"{visitor.server.url}/console/data/{compared.after}/runs/{compared.run}")
        expect(page.locator("ol.changes > li").first).to_be_visible()
        expect(page.get_by_text("7.0").first).to_be_visible()  # a German number
        page.get_by_role("link", name="Before the first error").click()
        expect(page.locator(".tabs [aria-current]")).to_contain_text("Before the first error")
        page.goto(f"{visitor.server.url}/console/data/{compared.after}/entries")
        expect(page.locator("time").first).to_contain_text("UTC")


def test_hostile_lines_are_shown_and_do_nothing(visiting: Any, client: Client) -> None:
    data_id = str(client.announce("<b>hostile</b>\u202e")["dataId"])
    entries = [
        {"timestamp": f"2026-03-02T06:00:{number:02}Z", "message": message, "context": message[:5000]}
        for number, message in enumerate(HOSTILE)
    ]
    client.append(data_id, entries)
    run = client.train(data_id, task="log-model")["runId"]
    client.wait(data_id, timeout=60)
    with visiting() as visitor:
        page = visitor.sign_in()
        data = f"{visitor.server.url}/console/data/{data_id}"
        page.goto(f"{data}/entries")
        expect(page.locator("table.lines tbody tr")).to_have_count(len(HOSTILE))
        expect(page.locator("table.lines bdi").first).to_have_text(HOSTILE[0])
        expect(page.locator("main table.lines .code").first).to_have_text("U+202E")
        hrefs = page.locator("table.lines th a").evaluate_all("all => all.map(each => each.href)")
        for href in hrefs:
            page.goto(href)
            expect(page.locator("tr[aria-current=true]")).to_be_visible()
        for path in (data, f"{data}/compare", f"{data}/runs/{run}", f"{data}/runs/{run}/templates"):
            page.goto(path)
            assert page.locator("main script, main img, main svg[onload]").count() == 0


def test_a_file_can_be_dropped_and_one_that_cannot_be_read_is_corrected_in_place(visiting: Any) -> None:
    drop = """([text, name]) => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([text], name));
        const place = document.querySelector(".drop");
        const options = { dataTransfer: dropped, bubbles: true, cancelable: true };
        for (const type of ["dragenter", "dragover", "drop"])
            place.dispatchEvent(new DragEvent(type, options));
    }"""
    with visiting() as visitor:
        page = visitor.sign_in()
        page.get_by_role("link", name="Upload", exact=True).first.click()
        expect(page.get_by_text("You can drop it here.")).to_be_visible()
        page.evaluate(drop, ["am Montag: a\nam Dienstag: b\n", "week.log"])
        page.get_by_role("button", name="Upload").click()
        expect(page.locator("#problem")).to_contain_text("“Form of the times”")
        page.evaluate(drop, ["2026-03-02 06:00:00 a\n2026-03-02 06:00:01 b\n", "week.log"])
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", name="Uploaded")).to_be_visible()
        expect(page.get_by_role("status")).to_have_text("2 entries of week.log are stored.")
