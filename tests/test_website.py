"""What a site has beside its pages: descriptions, cards, addresses, and links to what there is to
take away."""

import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from PIL import Image

from built import ROOT, parse

sys.path.insert(0, str(ROOT / "book" / "_extensions"))
import website

HOME = "https://you.github.io/your-copy/"
NAMES = ("book/index.html", "notebooks/06_lrn.html", "404.html", "search.html", "genindex.html")


def a_page(name):
    """A page as the theme writes it, as far as it matters here."""
    return parse(
        f"<html><head><title>{name} — A book</title><link rel='canonical' href='{HOME}{name}'>"
        f"</head><body><a href='#main'>Skip</a><a href='book/index.html'>Start</a><article>"
        f"<section><h1>{name}</h1><p>This is what the page called {name} is about. It has more."
        "</p><section><h2>Part</h2></section></section></article></body></html>"
    )


@pytest.fixture
def complete(tmp_path):
    def of(address):
        pages = {tmp_path / name: a_page(name) for name in NAMES}
        pages[tmp_path / "index.html"] = parse('<meta http-equiv="Refresh" content="0; url=book">')
        website.complete(pages, tmp_path, address)
        return {path.relative_to(tmp_path).as_posix(): page for path, page in pages.items()}

    return of


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("https://github.com/You/your-copy", "https://you.github.io/your-copy/"),
        ("https://github.com/you/you.github.io", "https://you.github.io/"),
        ("https://gitlab.com/group/course", "https://group.gitlab.io/course/"),
        ("https://example.org/you/your-copy", ""),
        ("file:///home/you/course", ""),
        ("", ""),
    ],
)
def test_the_address_follows_from_the_stamped_one(repository, address):
    config = SimpleNamespace(html_baseurl="", html_theme_options={"repository_url": repository})
    website.set_address(None, config)
    assert config.html_baseurl == address


def test_an_address_that_is_given_stays():
    theme = {"repository_url": "https://github.com/you/your-copy"}
    config = SimpleNamespace(html_baseurl="https://alexnet.example/", html_theme_options=theme)
    website.set_address(None, config)
    assert config.html_baseurl == "https://alexnet.example/"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Every number can be recomputed, says the book. More.", None),
        ("<b>Read it.</b> Every page has the results of its code. More.", None),
        ("It means Krizhevsky and others, et al. [2012] that is. More.", None),
        (
            "You will count what a layer holds; " + "and " * 20 + "so on; " + "and " * 20 + "on.",
            "You will count what a layer holds; " + "and " * 20 + "so on.",
        ),
        ("word " * 60, "word " * 31 + "…"),
    ],
)
def test_a_page_is_described_by_its_first_sentence(text, says):
    article = parse(f"<article><section><h1>Title</h1><p> </p><p>{text}</p></section></article>")
    assert website.description(article) == (says or parse(text).get_text().removesuffix(" More."))


def test_each_page_has_a_card_and_an_icon_wherever_it_lies(complete):
    pages = complete(HOME)
    page = pages["notebooks/06_lrn.html"]
    said = {
        tag.get("property") or tag["name"]: tag["content"] for tag in page.select("meta[content]")
    }
    about = "This is what the page called notebooks/06_lrn.html is about."
    assert said["description"] == said["og:description"] == about
    assert said["og:title"] == "notebooks/06_lrn.html" and said["og:site_name"] == "A book"
    assert said["og:image"] == HOME + "_static/card.png"
    assert said["og:url"] == HOME + "notebooks/06_lrn.html"
    icons = {
        name: page.find("link", rel="apple-touch-icon") for name, page in pages.items() if page.h1
    }
    assert icons["search.html"]["href"] == "_static/icon.png"
    assert icons["notebooks/06_lrn.html"]["href"] == "../_static/icon.png"


def test_done_twice_nothing_is_there_twice(complete, tmp_path):
    pages = complete(HOME)
    before = {name: str(page) for name, page in pages.items()}
    website.complete({tmp_path / name: page for name, page in pages.items()}, tmp_path, HOME)
    assert {name: str(page) for name, page in pages.items()} == before


def test_the_map_lists_the_pages_to_read(complete, tmp_path):
    complete(HOME)
    found = ElementTree.parse(tmp_path / "sitemap.xml").findall(".//{*}loc")
    assert [place.text for place in found] == [HOME + name for name in NAMES[:2]]


def test_a_copy_without_an_address_claims_none(complete, tmp_path):
    (tmp_path / "sitemap.xml").write_text("of an address that it had")
    pages = complete("")
    assert not (tmp_path / "sitemap.xml").exists()
    assert not pages["book/index.html"].select("[property='og:url'], [property='og:image']")
    assert pages["404.html"].find("a", string="Start")["href"] == "book/index.html"


def test_the_page_for_wrong_addresses_works_at_any_of_them(complete):
    page = complete(HOME)["404.html"]
    assert page.find("a", string="Start")["href"] == "/your-copy/book/index.html"
    assert page.find("a", string="Skip")["href"] == "#main"
    assert not page.find("link", rel="canonical")


def test_what_is_there_to_take_away_is_offered_until_pages_change(tmp_path):
    start, builder = a_page(website.START), SimpleNamespace(name="html", outdir=tmp_path)
    (tmp_path / website.PDF).write_bytes(b"1" * 2_340_000)
    for _ in range(2):
        website.offer(start, tmp_path)
    (link,) = start.select(".take-away a")
    assert link["href"] == "../learn-alexnet.pdf" and "(2.3 MB)" in link.parent.get_text()
    assert link.find_next("h2")  # it stands before the first part
    website.drop_outdated(None, builder)
    website.offer(start, tmp_path)
    assert not start.select(".take-away")


def test_the_built_pages_are_described_each_in_its_own_words(site):
    found = [
        page.select_one("meta[name=description]")["content"]
        for page in site.pages.values()
        if page.find("article")
    ]
    assert len(set(found)) == len(found) > 20
    assert [text for text in found if len(text) > website.LONGEST] == []


def test_the_built_site_has_its_pictures_and_none_of_the_readme_s(site):
    static = site.folder / "_static"
    assert Image.open(static / "icon.png").size == (180, 180)
    assert Image.open(static / "card.png").size == (1200, 630)
    shown = (ROOT / "README.md").read_text().partition("](")[2].partition(")")[0]
    assert (ROOT / shown).is_file() and not list(site.folder.rglob("page.png"))
    assert (site.folder / "404.html").is_file()
