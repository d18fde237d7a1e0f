"""Pages that answer "what if": their scripts, and the course's own data for them, in the page."""

import json
from typing import Any

from sphinx.application import Sphinx

from alexnet_course.explorer import networks, schema

SHARED = "explorer/page.js"
RULES = "explorer/layers.js"
CONTROLS = "explorer/controls.js"
SCRIPTS = {
    "book/explorer": (SHARED, RULES, "explorer/texts.js", "explorer/explorer.js"),
    "notebooks/03_size_arithmetic": (SHARED, RULES, "explorer/windows.js"),
    "notebooks/06_lrn": (SHARED, CONTROLS, "explorer/lrn.js"),
    "notebooks/08_dropout": (SHARED, CONTROLS, "explorer/dropout.js"),
    "notebooks/09_augmentation": (SHARED, CONTROLS, "explorer/augment.js"),
}


def add_scripts(app: Sphinx, pagename: str, *_: Any) -> None:
    """On the pages that have an explorer, and on no other; a page may be opened from a folder,
    where a script can't fetch data.
    """
    for number, script in enumerate(SCRIPTS.get(pagename, ())):
        app.add_js_file(script, priority=800 + number, loading_method="defer")
    if pagename in SCRIPTS:
        app.add_css_file("explorer/explorer.css")
    if pagename == "book/explorer":
        data = {"schema": schema(), "networks": networks(), "first": "alexnet-2012"}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        start = f'addEventListener("DOMContentLoaded", () => startExplorer({text}));'
        app.add_js_file(None, body=start, priority=810)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True}
