"""Pages that answer "what if": their scripts, and the course's own data for them, in the page."""

import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path
from posixpath import normpath
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from alexnet_course.explorer import networks, schema
from alexnet_course.in_page import network
from alexnet_course.run_explorer import ended, page_data

LAYERS, RUNS, TRY = "book/explorer", "book/runs", "book/try"
SCRIPTS = {  # in static folder "explorer", but for libraries; "page" is what all share
    LAYERS: ("page", "layers", "texts", "explorer"),
    RUNS: ("../plot/index", "page", "runs-arithmetic", "runs"),
    TRY: ("page", "layers", "forward", "sources", "try"),
    "notebooks/03_size_arithmetic": ("page", "layers", "windows"),
    "notebooks/06_lrn": ("page", "controls", "lrn"),
    "notebooks/08_dropout": ("page", "controls", "dropout"),
    "notebooks/09_augmentation": ("page", "controls", "augment"),
}
TABLE = "<!-- how all runs ended -->"  # where page RUNS has it for those without scripts
SAMPLES = (  # pictures that page TRY offers
    *("cat", "drawn-cat", "puffin", "dog", "frog", "deer"),
    *("horse", "airplane", "car", "ship", "truck", "cup"),
)


def add_scripts(app: Sphinx, pagename: str, _: str, context: dict[str, Any], *__: Any) -> None:
    """On the pages that have an explorer, and on no other; a page may be opened from a folder,
    where a script can't fetch data.
    """
    for number, script in enumerate(SCRIPTS.get(pagename, ())):
        path = normpath(f"explorer/{script}.js")
        app.add_js_file(path, priority=800 + number, loading_method="defer")
    if pagename in SCRIPTS:
        app.add_css_file("explorer/explorer.css")
    if pagename in STARTS:
        function, arguments = STARTS[pagename](context)
        start(app, function, *arguments)


def layer_explorer(_: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    data = {"schema": schema(), "networks": networks(), "first": "alexnet-2012"}
    return "startExplorer", (data,)


def run_explorer(context: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    data = page_data()
    context["body"] = context["body"].replace(TABLE, table(ended(data)))
    return "startRuns", (data, "study")


def trying(_: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    return "startTrying", ({"network": network(), "samples": samples()},)


STARTS: dict[str, Callable] = {LAYERS: layer_explorer, RUNS: run_explorer, TRY: trying}


def start(app: Sphinx, function: str, *arguments: Any) -> None:
    """Calls a function of the page's scripts when all of them are there."""
    texts = (json.dumps(x, ensure_ascii=False, separators=(",", ":")) for x in arguments)
    given = ", ".join(texts).replace("</", "<\\/")
    body = f'addEventListener("DOMContentLoaded", () => {function}({given}));'
    app.add_js_file(None, body=body, priority=810)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of texts under their keys."""
    head = "".join(f'<th scope="col">{escape(key)}</th>' for key in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(text))}</td>' for text in row.values())}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def outdated(_: Sphinx, env: BuildEnvironment, *__: set[str]) -> list[str]:
    """Pages with the course's data are made anew in every build: data change without the text."""
    return [page for page in STARTS if page in env.found_docs]


def samples() -> list[dict[str, str]]:
    """The pictures that page TRY offers, in the page: a canvas may not read those of a folder."""
    folder = Path(__file__).parents[1] / "_static" / "explorer" / "samples"
    texts = {name: b64encode((folder / f"{name}.png").read_bytes()).decode() for name in SAMPLES}
    return [
        {
            "name": name,
            "label": name.replace("-", " "),
            "data": f"data:image/png;base64,{text}",
        }
        for name, text in texts.items()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-get-outdated", outdated)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True}
