"""Checks the pages of the built book (``built.py``)."""

import re
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from built import ROOT, parse

LOADING_RELS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest"}
LOADING_ATTRIBUTES = ("src", "srcset", "poster", "data")
IN_CSS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
FILE_NAME = re.compile(r"^\S+\.(png|jpe?g|svg|gif|webp)$", re.IGNORECASE)
LEFTOVER = re.compile(r"\{[\w:-]+\}`|(`{3,}|:{3,})\s*\{")


def is_external(address):
    return address.strip().lower().startswith(("http:", "https:", "//"))


def external_in_css(css):
    return [a or b for a, b in IN_CSS.findall(css) if is_external(a or b)]


def external_loads(page):
    """Addresses that a browser would fetch from elsewhere when it opens the page."""
    loads = [
        part.split()[0]
        for tag in page.find_all(True)
        for name in LOADING_ATTRIBUTES
        for part in tag.get(name, "").split(", " if name == "srcset" else "\n")
        if part.strip()
    ]
    loads += [t.get("href", "") for t in page.find_all("link") if LOADING_RELS & set(t["rel"])]
    loads += [t.get("href") or t.get("xlink:href") or "" for t in page.find_all(["image", "use"])]
    css = [t.get_text() for t in page.find_all("style")]
    css += [t["style"] for t in page.find_all(style=True)]
    return [a for a in loads if is_external(a)] + external_in_css("\n".join(css))


def broken_links(page, path, ids):
    """Links of the page at `path` to a missing file or anchor; `ids` gives a page's ids."""
    broken = []
    for link in page.find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or parts.path.startswith("/"):  # only 404.html has these
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        found = target.is_file() and (not parts.fragment or unquote(parts.fragment) in ids(target))
        if not found:
            broken.append(link["href"])
    return broken


def without_alt(page):
    """Images that have no description. Sphinx puts the file name where an author gave none."""
    images = page.select("article img, img.logo__image")
    alts = [(img, img.get("alt", "").strip()) for img in images]
    return [img.get("src") for img, alt in alts if not alt or FILE_NAME.match(alt)]


def leftovers(page):
    """Roles and directives that came out as text."""
    article = page.find("article") or page
    found = []
    for text in article.find_all(string=True):
        if text.find_parent(["pre", "code", "script"]):
            continue
        code_next = text.next_sibling is not None and text.next_sibling.name == "code"
        if LEFTOVER.search(text) or (code_next and re.search(r"\{[\w:-]+\}$", text)):
            found.append(text.strip())
    return found


def toc_files():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))

    def files(node):
        if isinstance(node, list):
            return [name for part in node for name in files(part)]
        if isinstance(node, dict):
            own = [node[key] for key in ("root", "file") if key in node]
            return own + [name for part in node.values() for name in files(part)]
        return []

    return files(toc)


def test_every_page_of_the_toc_is_built(site):
    assert len(toc_files()) > 1
    assert [f for f in toc_files() if not (site.folder / f"{f}.html").is_file()] == []


def test_pages_load_nothing_from_elsewhere(site):
    assert site.complaints(lambda page, path: external_loads(page)) == {}


def test_style_sheets_load_nothing_from_elsewhere(site):
    sheets = list(site.folder.rglob("*.css"))
    assert site.folder / "_static" / "course.css" in sheets
    found = {s.name: external_in_css(s.read_text(encoding="utf-8")) for s in sheets}
    assert {name: urls for name, urls in found.items() if urls} == {}


def test_links_and_anchors_lead_somewhere(site):
    assert site.complaints(lambda page, path: broken_links(page, path, site.ids)) == {}


def test_images_are_described(site):
    assert site.complaints(lambda page, path: without_alt(page)) == {}


def test_no_markup_is_left_over(site):
    assert site.complaints(lambda page, path: leftovers(page)) == {}


def test_formulas_are_in_the_pages(site):
    page = site.pages[site.folder / "notebooks" / "06_lrn.html"]
    formulas = page.select(".math")
    assert len(formulas) > 20 and all(formula.find("math") for formula in formulas)
    assert not [s for s in page.find_all("script") if "mathjax" in str(s).lower()]


# The checks themselves: each must see what it is there to see.

BAD_LOADS = [
    '<script src="https://x.org/a.js"></script>',
    '<script src="//x.org/a.js"></script>',
    '<link rel="stylesheet" href="https://x.org/a.css">',
    '<link rel="preload" as="font" href="https://x.org/a.woff2">',
    '<link rel="shortcut icon" href="HTTPS://x.org/a.ico">',
    '<img src="https://x.org/a.png" alt="a">',
    '<img srcset="a.png 1x, https://x.org/b.png 2x">',
    '<picture><source srcset="https://x.org/a.webp"></picture>',
    '<video poster="https://x.org/a.png"></video>',
    '<iframe src="https://x.org/"></iframe>',
    '<object data="https://x.org/a.svg"></object>',
    '<svg><image href="https://x.org/a.png"></image></svg>',
    "<style>@import 'https://x.org/a.css';</style>",
    "<style>@import url(https://x.org/a.css);</style>",
    '<p style="background: url(&quot;https://x.org/a.png&quot;)"></p>',
]


@pytest.mark.parametrize("html", BAD_LOADS)
def test_an_external_load_is_seen(html):
    assert len(external_loads(parse(html))) == 1


def test_local_loads_and_plain_links_are_allowed():
    page = parse(
        '<link rel="stylesheet" href="a.css"><link rel="canonical" href="https://x.org/">'
        '<script src="a.js">const URL = "https://x.org/a.js"</script>'
        '<a href="https://x.org/">x</a><img src="data:image/png;base64,AAAA">'
        "<style>p { background: url(a.png) }</style>"
    )
    assert external_loads(page) == []


def test_broken_links_are_seen(tmp_path):
    here, there = tmp_path / "here.html", tmp_path / "there.html"
    here.touch(), there.touch()
    hrefs = ["there.html", "there.html#yes", "#yes", "#", "https://x.org/gone", "mailto:a@b.c"]
    bad = ["gone.html", "there.html#no", "#no", "../there.html"]
    page = parse("".join(f'<a href="{href}">a</a>' for href in hrefs + bad))
    assert broken_links(page, here, lambda path: {"yes"}) == bad


def test_missing_descriptions_are_seen():
    page = parse(
        '<img class="logo__image" src="1"><article><img src="2" alt=" ">'
        '<img src="3" alt="../_images/3f.png"><img src="4" alt="Two towers"></article>'
    )
    assert without_alt(page) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "html",
    ["<p>a {term}`stride`</p>", "<p>a {term}<code>stride</code></p>", "<p>:::{note}</p>"],
)
def test_left_over_markup_is_seen(html):
    assert len(leftovers(parse(f"<article>{html}</article>"))) == 1


def test_code_may_show_markup():
    html = "<article><pre>{term}`a`</pre><p><code>{term}`a`</code> {x} <code>b</code></p></article>"
    assert leftovers(parse(html)) == []
