"""The book's sections as data for its search page: ``_static/search-sections.js``."""

import json
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

SCRIPTS = ("minisearch/index.js", "search-sections.js", "search.js")
REPLACED = ("searchtools.js", "language_data.js", "searchindex.js")
# Whoever searches for a thing wants the chapter that explains it before those that use it.
WEIGHTS = {"notebooks/exercises/": 0.4, "book/": 0.7}


def text_of(part: Tag) -> str:
    """The words of a part as they are read: cells of tables and labels of drawings apart, code
    and sentences in one piece.
    """
    apart = ("td", "th", "text", "dt", "summary")
    text = "".join(f" {s} " if s.parent.name in apart else s for s in part.strings)
    return " ".join(text.replace("¶", " ").replace("#", " ").split())


def heading_of(part: Tag) -> Tag | None:
    return part.find(["h1", "h2", "h3", "h4"], recursive=False)


def sections(page: BeautifulSoup, address: str) -> Iterator[dict[str, str | float]]:
    """Each section of a page: what it is called, where it stands, and its own text."""
    article = page.find("article")
    title = article.h1 if article else None
    if title is None:
        return
    weight = next((w for start, w in WEIGHTS.items() if address.startswith(start)), 1.0)
    for section in article.find_all("section"):
        heading = heading_of(section)
        if heading is None:  # the inside of an exercise: part of the section around it
            continue
        parts = section.find_all(recursive=False)
        own = [
            part
            for part in parts
            if not heading_of(part) and "about-page" not in part.get("class", [])
        ]
        yield {
            "page": text_of(title),
            "heading": "" if heading is title else text_of(heading),
            "address": f"{address}#{section.get('id', '')}",
            "text": " ".join(text_of(part) for part in own if part is not heading),
            "weight": weight,
        }


def write(pages: dict[Path, BeautifulSoup], out: Path) -> None:
    """The data, and on the search page the scripts that read it in place of Sphinx's."""
    found = [
        section
        for path, page in pages.items()
        for section in sections(page, path.relative_to(out).as_posix())
    ]
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    script = f"window.COURSE_SECTIONS={data};\n"
    (out / "_static" / "search-sections.js").write_text(script, encoding="utf-8")
    page = pages[out / "search.html"]
    for old in page.find_all("script", src=lambda src: src and src.endswith(REPLACED)):
        old.decompose()
    if not page.find("script", src=lambda src: src and src.endswith(SCRIPTS)):
        for name in SCRIPTS:
            page.head.append(page.new_tag("script", attrs={"defer": "", "src": f"_static/{name}"}))
    for name in REPLACED:
        for folder in (out, out / "_static"):
            (folder / name).unlink(missing_ok=True)


def leave_index(app: Sphinx) -> None:
    """Sphinx reads and writes no index of its own: it would warn that the last build's is gone."""
    if app.builder.name == "html":
        app.builder.load_indexer = lambda documents: None
        app.builder.dump_search_index = lambda: None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", leave_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
