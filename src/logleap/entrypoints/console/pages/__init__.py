"""The pages, a file each: `add(console)` registers a page's views, `templates/` has what they render.

A view is `view(request, owner, *path)`: it calls the use cases of `console.container` for this owner, as the
API's calls do, and answers `console.render("name.html", …)`. What it raises becomes a page too.
"""

from collections.abc import Callable, Sequence

from logleap.entrypoints.console.frame import Console
from logleap.entrypoints.console.pages import (
    access,
    account,
    changes,
    compare,
    dataset,
    datasets,
    entries,
    runs,
    upload,
)

PAGES: Sequence[Callable[[Console], None]] = (
    access.add,
    datasets.add,
    dataset.add,
    changes.add,
    upload.add,
    account.add,
    entries.add,
    runs.add,
    compare.add,
)
"""What makes each of them."""
