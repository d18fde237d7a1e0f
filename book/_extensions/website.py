"""What a site needs beside its pages: descriptions, cards, a map, a page for wrong addresses, and
on the start page links to what there is to take away.

Addresses are those of the one that ``make repository`` stamps; without it, a copy claims none.
"""

import re
import textwrap
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit
from xml.sax.saxutils import escape

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config

START, NOT_FOUND, SITE_MAP, CARD = "book/index.html", "404.html", "sitemap.xml", "_static/card.png"
PDF, ZIP = "learn-alexnet.pdf", "learn-alexnet.zip"
TAKE_AWAY = {PDF: "the whole book as a PDF", ZIP: "these pages as an archive to open from a folder"}
PAGES = {"github.com": "github.io", "gitlab.com": "gitlab.io"}  # where a host shows its sites
SENTENCE = re.compile(r".{40,}?[.!?](?=\s+[A-ZÄÖÜ“]|$)")  # no mere "Read it.", and past "et al."
LONGEST = 160  # characters of a description
ADDRESSES = ("href", "src", "action")
NOT_A_PAGE = {NOT_FOUND, "search.html", "genindex.html", "index.html"}  # the last leads to START


def address_of(repository: str) -> str:
    """Where the pages of a repository are shown; "" where that can't be told from its address."""
    parts = urlsplit(repository)
    owner, _, name = parts.path.strip("/").partition("/")
    if parts.netloc not in PAGES or not name:
        return ""
    host = f"{owner.lower()}.{PAGES[parts.netloc]}"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_address(app: Sphinx, config: Config) -> None:
    """Sphinx writes the canonical address of each page from this."""
    config.html_baseurl = config.html_baseurl or address_of(
        config.html_theme_options.get("repository_url", "")
    )


def description(page: Tag) -> str:
    """The first sentence of a page; of a long one, the clauses that fit. "" if it has no text."""
    texts = (
        part.get_text()
        for part in page.select("article > p, article section > p, article .start > p")
    )
    text = " ".join(next(filter(str.strip, texts), "").split())
    found = SENTENCE.match(text)
    sentence = found[0] if found else text
    if len(sentence) <= LONGEST:
        return sentence
    clauses = sentence[:LONGEST].rpartition(";")[0]
    return f"{clauses}." if clauses else textwrap.shorten(sentence, LONGEST, placeholder=" …")


def describe(page: BeautifulSoup, name: str, address: str) -> None:
    """What search engines and messengers show of a page."""
    for old in page.select("meta[name=description], meta[property^='og:'], meta[name^='twitter:']"):
        old.decompose()
    title, _, book = page.title.get_text(strip=True).partition(" — ")
    about = description(page) or title
    tags = [("name", "description", about)]
    tags += [("property", "og:title", title), ("property", "og:description", about)]
    tags += [("property", "og:type", "website"), ("property", "og:site_name", book or title)]
    if address:
        tags += [("property", "og:url", address + quote(name))]
        tags += [("property", "og:image", address + CARD)]
        tags += [("name", "twitter:card", "summary_large_image")]
    for kind, key, content in tags:
        page.head.append(page.new_tag("meta", attrs={kind: key, "content": content}))


def add_icon(page: BeautifulSoup, name: str) -> None:
    """For those who put a page on the first screen of a telephone."""
    if not page.find("link", rel="apple-touch-icon"):
        home = "../" * name.count("/")
        icon = {"rel": "apple-touch-icon", "href": f"{home}_static/icon.png"}
        page.head.append(page.new_tag("link", attrs=icon))


def site_map(names: list[str], address: str) -> str:
    places = "".join(f"<url><loc>{escape(address + quote(name))}</loc></url>\n" for name in names)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n'
    )


def not_found(app: Sphinx) -> list[tuple[str, dict[str, str], str]]:
    """The page that a server shows for an address that it does not have."""
    body = (
        "<h1>There is no such page</h1>"
        '<p>The address may have changed, or be mistyped. Look on the <a href="book/index.html">'
        'start page</a>, in the list of chapters, or <a href="search.html">search the book</a>.</p>'
    )
    return [
        (
            NOT_FOUND.removesuffix(".html"),
            {"title": "There is no such page", "body": body},
            "page.html",
        )
    ]


def lead_home(page: BeautifulSoup, address: str) -> None:
    """The page for wrong addresses is shown at any of them: its links begin at the site's root."""
    root = urlsplit(address).path
    for name in ADDRESSES:
        for tag in page.find_all(attrs={name: True}):
            if root and not tag[name].startswith("#"):
                tag[name] = urljoin(root, tag[name])
    for tag in page.select("link[rel=canonical]"):
        tag.decompose()


def withdraw(start: BeautifulSoup) -> None:
    """No links on the start page to a PDF or an archive."""
    for old in start.select(".take-away"):
        old.decompose()


def offer(start: BeautifulSoup, out: Path) -> None:
    """On the start page, links to the PDF and the archive that are there."""
    withdraw(start)
    links = [
        f'<a href="../{name}">{words}</a> ({(out / name).stat().st_size / 1e6:.1f} MB)'
        for name, words in TAKE_AWAY.items()
        if (out / name).is_file()
    ]
    if links:
        text = f'<p class="take-away">To take away: {"; ".join(links)}.</p>'
        start.select_one("article section section").insert_before(
            BeautifulSoup(text, "html.parser"), "\n"
        )


def drop_outdated(app: Sphinx, builder: Builder) -> None:
    """A PDF and an archive are of the pages as they were: written anew, these have none."""
    if builder.name == "html":
        for name in TAKE_AWAY:
            (Path(builder.outdir) / name).unlink(missing_ok=True)


def complete(pages: dict[Path, BeautifulSoup], out: Path, address: str) -> None:
    names = {path.relative_to(out).as_posix(): page for path, page in pages.items() if page.h1}
    for name, page in names.items():
        add_icon(page, name)
        describe(page, name, address)
    offer(names[START], out)
    lead_home(names[NOT_FOUND], address)
    (out / SITE_MAP).unlink(missing_ok=True)
    if address:
        text = site_map([name for name in names if name not in NOT_A_PAGE], address)
        (out / SITE_MAP).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", set_address)
    app.connect("html-collect-pages", not_found)
    app.connect("write-started", drop_outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
