"""The book's sections as data for its search page: ``_static/search-sections.js``."""

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import reading
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

SCRIPTS = ("minisearch/index.js", "search-sections.js", "search.js")
REPLACED = ("searchtools.js", "language_data.js", "searchindex.js")
# Whoever searches for a thing wants the chapter that explains it before those that use it.
WEIGHTS = {"notebooks/exercises/": 0.4, "book/index.html": 1.0, "book/": 0.7}
EARLIER = 0.96  # what a section weighs beside the one before it
# Fields of their own, from the innermost: answers, which must not be given away, and what is no
# sentence.
APART = {"folded": ".dropdown", "rest": ".cell, pre, table, svg, details"}


def text_of(part: Tag) -> str:
    """The words of a part as they are read: cells of tables and labels of drawings apart, code
    and sentences in one piece.
    """
    apart = ("td", "th", "text", "dt", "summary")
    text = "".join(f" {s} " if s.parent.name in apart else s for s in part.strings)
    return " ".join(text.replace("¶", " ").replace("#", " ").split())


def heading_of(part: Tag) -> Tag | None:
    return part.find(["h1", "h2", "h3", "h4"], recursive=False)


def fields(parts: Iterable[Tag]) -> dict[str, str]:
    """The text of the parts: what is prose ("text"), what is none ("rest"), folded answers."""
    whole = BeautifulSoup("<div></div>", "html.parser").div
    for part in parts:
        whole.extend([copy.copy(part), " "])
    found = {}
    for name, selector in APART.items():
        texts = []
        while inner := whole.select_one(selector):
            texts.append(text_of(inner))
            inner.replace_with(" ")
        found[name] = " ".join(texts)
    return {"text": text_of(whole)} | {name: text for name, text in found.items() if text}


def terms(glossary: Tag) -> Iterator[dict[str, str]]:
    """Each term as a section of its own, with its definition as it is drawn."""
    for term in glossary.find_all("dt", id=True):
        says = term.find_next("dd")
        drawn = {"definition": reading.without_links(says)}
        yield {"heading": text_of(term), "id": term["id"]} | fields([says]) | drawn


def own_sections(article: Tag) -> Iterator[dict[str, str]]:
    """The sections of a page: what each is called, its id, and its own text in fields."""
    for section in article.find_all("section"):
        heading = heading_of(section)
        if heading is None:  # the inside of an exercise: part of the section around it
            continue
        own = [
            part
            for part in section.find_all(recursive=False)
            if part is not heading
            and not heading_of(part)
            and not {"about-page", "glossary", "letters"} & set(part.get("class", []))
        ]
        name = "" if heading is article.h1 else text_of(heading)
        yield {"heading": name, "id": section.get("id", "")} | fields(own)
        for glossary in section.find_all("dl", class_="glossary", recursive=False):
            yield from terms(glossary)


def sections(page: BeautifulSoup, address: str) -> Iterator[dict[str, str | float]]:
    """What search knows of a page: its sections, with their addresses and weights."""
    article = page.find("article")
    if article is None or article.h1 is None:
        return
    weight = next((w for start, w in WEIGHTS.items() if address.startswith(start)), 1.0)
    for count, section in enumerate(own_sections(article)):
        yield section | {
            "page": text_of(article.h1),
            "address": f"{address}#{section.pop('id')}",
            "weight": round(weight * EARLIER**count, 3),
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
