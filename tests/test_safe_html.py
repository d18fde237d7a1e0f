"""A page of feedback shows what a student wrote, and runs none of it."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbconvert.exporters import HTMLExporter

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import exercises
import safe_html

SCRIPT = "<script>alert(1)</script>"
TEXTS = [
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)></svg>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "[x](javascript:alert(1)) [y](JaVaScRiPt&#58;alert(1))",
    "![x](javascript:alert(1)) [y](data:text/html;base64,PHNjcmlwdD4=)",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><object data=x><embed src=x>",
    "<b onclick=alert(1) style='background:url(javascript:alert(1))'>x</b>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<style>@import 'https://example.org/x';</style><base href=//example.org><form action=x>",
]


class Dangers(HTMLParser):
    """Collects what a browser would run or load in the students' part of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page[page.index("<body>") :])

    def handle_starttag(self, tag, attributes):
        if tag in {"script", "svg", "object", "embed", "style", "base", "form", "math", "link"}:
            self.found.append(tag)
        for name, value in attributes:
            if name.startswith("on") or name == "srcdoc":
                self.found.append((tag, name))
            if name in {"src", "href"} and not re.match(
                r"https?:|mailto:|#|data:image/|data:text/html;base64,", value
            ):
                self.found.append((tag, name, value))


@pytest.fixture(scope="module")
def page_of():
    """A function from a notebook's cells to the page that nbgrader makes of them."""
    config = exercises.settings()
    formgrader = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader"
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [str(formgrader / "templates")]
    styles = formgrader / "static" / "node_modules" / "bootstrap" / "dist" / "css"
    config.HTMLExporter.extra_template_paths = [str(styles)]
    exporter = HTMLExporter(config=config)
    about = {"notebook": "n", "score": 1, "max_score": 2, "late_penalty": 0}

    def page(*cells):
        notebook = nbformat.v4.new_notebook(cells=list(cells))
        return exporter.from_notebook_node(notebook, resources={"nbgrader": about})[0]

    return page


def test_no_text_of_a_students_runs(page_of):
    cells = [nbformat.v4.new_markdown_cell(f"An answer. {text}") for text in TEXTS]
    cells += [nbformat.v4.new_raw_cell(text) for text in TEXTS]
    cells += [nbformat.v4.new_code_cell(text) for text in TEXTS]
    page = page_of(*cells)
    assert page.count("An answer.") == len(TEXTS)
    assert Dangers(page).found == []


@pytest.mark.filterwarnings("ignore:Your element with mimetype")
def test_no_output_of_a_students_runs(page_of):
    new = nbformat.v4.new_output
    kinds = ("text/html", "text/markdown", "text/latex", "text/plain", "text/vnd.mermaid")
    outputs = [new("display_data", data={kind: text}) for kind in kinds for text in TEXTS]
    outputs += [new("stream", text=text) for text in TEXTS]
    outputs += [new("error", ename=t, evalue=t, traceback=[t]) for t in TEXTS]
    outputs.append(new("display_data", data={"application/javascript": "alert(1)"}))
    outputs.append(new("display_data", data={"image/png": '"><script>alert(1)</script>'}))
    widget = {"application/vnd.jupyter.widget-view+json": {"x": SCRIPT}}
    outputs.append(new("display_data", data=widget))
    page = page_of(nbformat.v4.new_code_cell("", outputs=outputs))
    assert Dangers(page).found == []


def test_a_drawing_is_a_picture_in_which_nothing_runs(page_of):
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>{SCRIPT}</svg>"
    output = nbformat.v4.new_output("display_data", data={"image/svg+xml": svg})
    page = page_of(nbformat.v4.new_code_cell("", outputs=[output]))
    assert 'src="data:image/svg+xml;base64,' in page and Dangers(page).found == []


def test_what_formats_a_text_stays(page_of):
    text = nbformat.v4.new_markdown_cell(
        "# Head\n\nIf a < b & $x<y$, **then** `c < d`:\n\n| n |\n|---|\n| 1 |\n\n"
        "1. [book](https://example.org)\n\n![p](attachment:p.png)",
        attachments={"p.png": {"image/png": "iVBORw0KGgo="}},
    )
    table = "<style scoped>a {}</style><table><thead><tr><th>n</th></tr></thead></table>"
    output = nbformat.v4.new_output("display_data", data={"text/html": table})
    page = page_of(text, nbformat.v4.new_code_cell("a < b", outputs=[output]))
    for wanted in (
        ">Head<",
        "a &lt; b &amp; $x&lt;y$, <strong>then</strong> <code>c &lt; d</code>",
        "<td>1</td>",
        '<li><a href="https://example.org">book</a>',
        'src="data:image/png;base64,iVBORw0KGgo="',
        "<table><thead><tr><th>n</th></tr></thead></table>",
    ):
        assert wanted in page
    assert "scoped" not in page


def test_mathjax_is_given_no_links():
    assert "href" not in safe_html.clean(r"$\href{javascript:alert(1)}{x}$")
