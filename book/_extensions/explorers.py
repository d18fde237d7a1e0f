"""Pages that answer "what if": their scripts, and the course's own data for them, in the page."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from alexnet_course.explorer import networks, schema
from alexnet_course.in_page import network

SHARED = "explorer/page.js"
RULES = "explorer/layers.js"
TRY = "book/try"
SAMPLES = {  # pictures in _static/explorer/samples, and what they show
    "cat": "cat",
    "drawn-cat": "drawn cat",
    "puffin": "puffin",
    "dog": "dog",
    "frog": "frog",
    "deer": "deer",
    "horse": "horse",
    "airplane": "airplane",
    "car": "car",
    "ship": "ship",
    "truck": "truck",
    "cup": "cup",
}
SCRIPTS = {
    "book/explorer": (SHARED, RULES, "explorer/texts.js", "explorer/explorer.js"),
    "notebooks/03_size_arithmetic": (SHARED, RULES, "explorer/windows.js"),
    TRY: (SHARED, RULES, *(f"explorer/{name}.js" for name in ("forward", "sources", "try"))),
}


def layer_explorer() -> tuple[str, dict[str, Any]]:
    data = {"schema": schema(), "networks": networks(), "first": "alexnet-2012"}
    return "startExplorer", data


def trying() -> tuple[str, dict[str, Any]]:
    return "startTrying", {"network": network(), "samples": samples()}


def samples() -> list[dict[str, str]]:
    """The pictures that the page offers, in the page: a canvas may not read those of a folder."""
    folder = Path(__file__).parents[1] / "_static" / "explorer" / "samples"
    texts = {name: b64encode((folder / f"{name}.png").read_bytes()).decode() for name in SAMPLES}
    return [
        {"name": name, "label": label, "data": f"data:image/png;base64,{texts[name]}"}
        for name, label in SAMPLES.items()
    ]


STARTS: dict[str, Callable] = {"book/explorer": layer_explorer, TRY: trying}


def add_scripts(app: Sphinx, pagename: str, *_: Any) -> None:
    """On the pages that have an explorer, and on no other; a page may be opened from a folder,
    where a script can't fetch data.
    """
    for number, script in enumerate(SCRIPTS.get(pagename, ())):
        app.add_js_file(script, priority=800 + number, loading_method="defer")
    if pagename in SCRIPTS:
        app.add_css_file("explorer/explorer.css")
    if pagename in STARTS:
        name, data = STARTS[pagename]()
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        start = f'addEventListener("DOMContentLoaded", () => {name}({text}));'
        app.add_js_file(None, body=start, priority=810)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True}
