"""Pages that answer "what if": their scripts, and the course's own data for them, in the page."""

import json
from html import escape
from typing import Any

from sphinx.application import Sphinx

from alexnet_course.explorer import networks, schema
from alexnet_course.run_explorer import ended, page_data

SHARED = "explorer/page.js"
RULES = "explorer/layers.js"
LAYERS, RUNS = "book/explorer", "book/runs"
SCRIPTS = {
    LAYERS: (SHARED, RULES, "explorer/texts.js", "explorer/explorer.js"),
    RUNS: ("plot/index.js", SHARED, "explorer/runs-arithmetic.js", "explorer/runs.js"),
    "notebooks/03_size_arithmetic": (SHARED, RULES, "explorer/windows.js"),
}
TABLE = "<!-- how all runs ended -->"  # where page RUNS has it for those without scripts


def add_scripts(app: Sphinx, pagename: str, _: str, context: dict[str, Any], *__: Any) -> None:
    """On the pages that have an explorer, and on no other; a page may be opened from a folder,
    where a script can't fetch data.
    """
    for number, script in enumerate(SCRIPTS.get(pagename, ())):
        app.add_js_file(script, priority=800 + number, loading_method="defer")
    if pagename in SCRIPTS:
        app.add_css_file("explorer/explorer.css")
    if pagename == LAYERS:
        data = {"schema": schema(), "networks": networks(), "first": "alexnet-2012"}
        start(app, "startExplorer", data)
    if pagename == RUNS:
        data = page_data()
        start(app, "startRuns", data, "study")
        context["body"] = context["body"].replace(TABLE, table(ended(data)))


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


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True}
