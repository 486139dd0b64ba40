#!/usr/bin/env bash
# Package:   playwright 1.65.2 (PyPI), with a chromium that is installed, or that CHROMIUM names
# Behaviour: get_by_text() raises "lastDidNotMatchSelf.contains is not a function" where text that does not match is
#            followed by more elements in a form that has a control named "contains": the form's property of that name
#            is then the control, and Playwright calls it as the method of DOM nodes.
# Seen:      TypeError: lastDidNotMatchSelf.contains is not a function
# Guessed:   methods of DOM nodes are taken from their prototypes, as the names of a page's controls are the page's.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet playwright==1.65.2
CHROMIUM=${CHROMIUM:-$(command -v chromium chromium-headless-shell | head -1)} "$dir/env/bin/python" - <<'PY'
import os
import sys

from playwright.sync_api import Error, sync_playwright

FORM = '<form><label>Text <input name="{}"></label><button>Show</button></form><p>found</p>'


def outcome(page, name):
    page.set_content(FORM.format(name))
    try:
        return page.get_by_text("found").count()
    except Error as error:
        return error.message.partition("\n")[0]


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
    page = browser.new_page()
    found = {name: outcome(page, name) for name in ("text", "contains")}
    browser.close()
for name, said in found.items():
    print(f"with a control named {name}: {said}")
if found["text"] != 1 or "contains is not a function" not in str(found["contains"]):
    sys.exit("changed: the control named contains was expected to make get_by_text() raise")
PY
echo "unchanged"
