"""Pages with students' texts and outputs in them, without what a browser would run."""

import functools
import re
from typing import Any

import bleach
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter

_TAGS = """
    a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img
    ins kbd li ol p pre q s small span strong sub summary sup table tbody td tfoot th thead tr u
    ul
"""
TAGS = frozenset(_TAGS.split())
PLAIN = re.compile("align|alt|class|colspan|height|id|rowspan|start|title|width")  # attributes
LINK = re.compile(r"(?i)(https?:|mailto:)\S+|#\S*")
PICTURE = re.compile(r"(?i)data:image/(png|jpe?g|gif|webp);base64,[a-z0-9+/=\s]*")
STYLE = re.compile(r"(?is)<style\b.*?</style\s*>")  # pandas puts one before each table


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("a", "href"):
        return LINK.fullmatch(value) is not None
    if (tag, name) == ("img", "src"):
        return PICTURE.fullmatch(value) is not None
    return PLAIN.fullmatch(name) is not None


def clean(html: Any) -> str:
    """``html`` with what formats text, and all else shown as it was typed.

    Links lead to pages, and pictures are part of the page: none is loaded from elsewhere.
    """
    text = html.decode() if isinstance(html, bytes) else str(html)
    return bleach.clean(
        STYLE.sub("", text).replace(r"\href", r"\text"),  # a link of MathJax's, that may run code
        tags=TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
    )


@functools.cache
def _exporter() -> HTMLExporter:
    return HTMLExporter()


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """nbconvert's filter of this name, with :func:`clean` behind it."""
    return clean(_exporter().markdown2html(context, source))


FILTERS = {"clean_html": clean, "markdown2html": markdown2html}
# Kinds of output that a page shows, the best first: none that holds code.
SHOWN = [
    *("text/html", "text/markdown", "image/svg+xml", "text/latex"),
    *("image/png", "image/jpeg", "text/plain"),
]
