"""Checks the pages of the built book (``built.py``)."""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from datetime import date
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from fontTools.ttLib import TTFont

from built import ROOT, parse

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_extensions"))
import drawings
import formulas
import reading
import sections

LOADING_RELS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest"}
LOADING_ATTRIBUTES = ("src", "srcset", "poster", "data")
ROLES = ("AUTHOR", "COMMITTER")
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


def test_images_have_their_size_before_they_are_loaded(site):
    def unsized(page, path):
        images = page.find_all("img")
        return [
            image["src"] for image in images if not (image.get("width") and image.get("height"))
        ]

    assert site.complaints(unsized) == {}
    logo = site.pages[site.folder / "book" / "glossary.html"].select_one("img.logo__image")
    assert (logo["width"], logo["height"]) == ("180", "104")


def test_no_markup_is_left_over(site):
    assert site.complaints(lambda page, path: leftovers(page)) == {}


def test_formulas_are_in_the_pages(site):
    page = site.pages[site.folder / "notebooks" / "06_lrn.html"]
    formulas = page.select(".math")
    assert len(formulas) > 20 and all(formula.find("math") for formula in formulas)
    assert not [s for s in page.find_all("script") if "mathjax" in str(s).lower()]
    children = {"msup": 2, "msub": 2, "msubsup": 3, "mfrac": 2}
    for page in site.pages.values():
        for part in page.find_all(list(children)):
            assert len(part.find_all(recursive=False)) == children[part.name], part


CUT = re.compile(r"</mn>(?:<mrow>)?<mo>,</mo>(?:</mrow>)?<mn>\d{3}\b")  # 34,944 as 34 and 944


def broken_formulas(page):
    """Formulas with a number cut at its comma, half a bracket raised to a power, or TeX in them."""
    raised = "msup > mo[fence]:first-child"
    formulas = page.select("article .math")
    return [
        one.get_text()
        for one in formulas
        if CUT.search(str(one)) or one.select(raised) or re.search(r"[\\&$]", one.get_text())
    ]


def test_formulas_are_whole(site):
    assert site.complaints(lambda page, path: broken_formulas(page)) == {}


def folded(page):
    """What stands on folded code."""
    return [title.get_text() for title in page.select("details.hide > summary > .collapsed")]


def test_folded_code_says_what_it_is(site):
    """In words of its own, not the theme's; an exercise folds its checks and the set-up."""
    theirs = "code cell"
    assert site.complaints(lambda page, path: [s for s in folded(page) if theirs in s]) == {}
    exercise = site.folder / "notebooks" / "exercises" / "ex06" / "ex06_lrn.html"
    assert folded(site.pages[exercise]) == ["Set-up in Colab", *["The check"] * 4]


def test_code_has_the_colours_of_light_and_dark_pages(site):
    sheet = (site.folder / "_static" / "book.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        assert f'html[data-theme="{theme}"] .highlight .k' in sheet


def test_figures_are_numbered_and_take_the_pages_colours(site):
    page = site.pages[site.folder / "notebooks" / "05_relu.html"]
    numbers = [caption.get_text().split()[1] for caption in page.select("figcaption")]
    assert numbers == [f"5.{place}." for place in range(1, len(numbers) + 1)] and len(numbers) > 3
    for page in site.pages.values():
        for drawing in page.select("svg.drawing"):
            said = drawing.get("aria-label") and drawing.find("text")
            assert said or drawing.get("aria-hidden") == "true"
            for part in drawing.find_all(style=True):
                assert not re.search(r"(?<!\()#[0-9a-f]{6}\b", part["style"]), part


def said(part):
    return " ".join(part.get_text().split())


def title(page):
    return said(page.h1).rstrip("#¶").strip()


def chapter_files():
    return [f for f in toc_files() if f.startswith("notebooks/") and "exercises" not in f]


def test_the_start_page_has_a_card_for_each_chapter_as_the_chapter_is(site):
    """In the order of the contents: title, a sentence, the minutes it states, and a picture."""
    cards = site.pages[site.folder / "book" / "index.html"].select(".chapters li")
    files = [f"{name}.html" for name in chapter_files()]
    assert [card.a["href"].removeprefix("../") for card in cards] == files
    for card, file in zip(cards, files, strict=True):
        chapter = site.pages[site.folder / file]
        assert said(card.a) == title(chapter)
        assert len(said(card.p).removeprefix(title(chapter)).split()) > 5
        stated = re.search(r"(\d+ minutes) to read", chapter.article.get_text(" "))[1]
        assert card.select_one(".card-minutes").get_text() == stated
        assert card.select_one("svg.card-picture [d]") and not card.select("svg text")


def test_the_start_page_shows_the_network_and_leads_to_the_first_chapter(site):
    start = site.pages[site.folder / "book" / "index.html"].select_one(".start")
    assert "conv5" in start.select_one("svg[role=img][aria-label]").get_text()
    (button,) = start.select(".start-row a")
    first = chapter_files()[0]
    assert button["href"] == f"../{first}.html"
    number = title(site.pages[site.folder / f"{first}.html"]).split()[0]
    assert said(button) == f"Start with chapter {number}"


def notebook_of(path, site):
    """The chapter or exercise that a page shows, if it shows one."""
    file = ROOT / path.relative_to(site.folder).with_suffix(".ipynb")
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def changed_code(page, path, site):
    """Blocks of code that differ from the notebook's; lines of them that could not wrap."""
    notebook = notebook_of(path, site)
    if notebook is None:
        return []
    cells = {"".join(c["source"]).strip() for c in notebook["cells"] if c["cell_type"] == "code"}
    blocks = page.select(".cell_input pre")
    lines = [block for block in blocks if len(block.select(".line")) != len(text_lines(block))]
    return [b.get_text() for b in blocks if b.get_text().strip() not in cells] + lines


def text_lines(block):
    return block.get_text().removesuffix("\n").split("\n")


def test_exercises_are_numbered_within_their_chapter_wherever_they_are_named(site):
    page = site.pages[site.folder / "notebooks" / "06_lrn.html"]
    numbers = [said(tag) for tag in page.select(".exercise .caption-number")]
    assert numbers == [f"Exercise 6.{place}" for place in range(1, len(numbers) + 1)]
    assert len(numbers) > 1
    named = [said(link) for link in page.select(".solution > .admonition-title > a")]
    assert named == numbers

    def old_numbers(page, path):
        texts = page.article.find_all(string=True)  # but for what somebody else calls them
        ours = "".join(text for text in texts if not text.find_parent(["code", "em"]))
        found = re.findall(r"\bExercise\s\d+(?![\d.]|\s·)", ours)
        return [] if path.stem == "genindex" else found

    articles = {p: page for p, page in site.pages.items() if page.article}
    assert {p.name: old for p, page in articles.items() if (old := old_numbers(page, p))} == {}


@pytest.mark.parametrize(
    "text, kept",
    [
        ("about 65.33 % of 7 × 7, 1.3 ± 0.8 points", "about 65.33~% of 7~×~7, 1.3~±~0.8 points"),
        ("In chapter 13, Figure 2 takes 60 min", "In chapter~13, Figure~2 takes 60~min"),
        ("8 · Dropout at 50 percent", "8~· Dropout at 50 percent"),
    ],
)
def test_numbers_stay_with_their_units_and_names(text, kept):
    page = parse(f"<article><p>{text}</p><pre>{text}</pre></article>")
    reading.keep_together(page)
    assert page.p.get_text() == kept.replace("~", "\u00a0")
    assert page.pre.get_text() == text


def test_a_stop_stays_with_the_formula_before_it_and_tables_have_minus_signs():
    page = parse(
        '<article><p>so <span class="math">k</span>, and</p>'
        "<table><tr><td>-0.06 ± 0.65 in 2012-13</td></tr></table></article>"
    )
    reading.keep_together(page)
    assert page.select_one(".kept").get_text() == "k,"
    assert page.p.get_text() == "so k, and"
    assert page.td.get_text() == "−0.06\u00a0±\u00a00.65 in 2012-13"


@pytest.mark.parametrize(
    "cell, text",
    [
        ("0.4000000059604645", "0.4"),
        ("1.918e+04", "19,180"),
        ("-7.451e-08", "−7.451 × 10⁻⁸"),
        ("-0.0001265", "−1.265 × 10⁻⁴"),
        ("0.0012345", "0.001234"),
        ("62.5", "62.5"),
        ("conv1", "conv1"),
    ],
)
def test_the_data_of_a_figure_has_four_digits(cell, text):
    assert drawings.readable(cell) == text


def test_the_typeface_of_formulas_has_all_their_signs_and_can_stretch_them(site):
    sheet = (site.folder / "_static" / "book.css").read_text(encoding="utf-8")
    (packed,) = re.findall(r"url\(data:font/woff;base64,([^)]+)\)", sheet)
    font = TTFont(BytesIO(b64decode(packed)))
    assert "MATH" in font
    signs = {
        sign
        for page in site.pages.values()
        for formula in page.select("math")
        for sign in formula.get_text()
        if not sign.isspace()
    }
    assert len(signs) > 40
    signs |= set("√𝑎𝛼ℎ")  # of elements, and of letters, which are set sloping
    assert {sign for sign in signs if ord(sign) not in font.getBestCmap()} == set()


def test_code_stands_as_in_the_notebooks_line_by_line(site):
    assert site.complaints(lambda page, path: changed_code(page, path, site)) == {}


def uncarded(page, path, site):
    """Links to terms and citations whose card is missing, or says something else."""
    bad = []
    for link in page.select("article a.reference.internal[href*='#']:not(.label a)"):
        parts = urlsplit(link["href"])
        target = (path.parent / parts.path).resolve() if parts.path else path
        there = site.pages[target].find(id=parts.fragment)
        if there is None or not (there.name == "dt" or "citation" in there.get("class", [])):
            continue
        says = there.find_next("dd" if there.name == "dt" else "p").get_text().strip()
        card = page.find(id=link.get("aria-describedby", "none"), role="tooltip")
        if card is None or says not in card.get_text() or card.find(["a", "button"]):
            bad.append(link.get_text())
    return bad


def test_terms_and_citations_have_cards(site):
    assert site.complaints(lambda page, path: uncarded(page, path, site)) == {}
    chapter = site.pages[site.folder / "notebooks" / "06_lrn.html"]
    card = chapter.find(id="card-term-ReLU").get_text()
    assert card.startswith("ReLU") and "negative values become zero" in card
    assert len(chapter.select(".reading-card")) > 10


def test_citations_read_alike_in_the_text_and_in_the_list(site):
    references = site.folder / "book" / "references.html"
    labels = {
        entry["id"]: " ".join(entry.select_one(".label").get_text().strip("[]").split())
        for entry in site.pages[references].select(".citation")
    }
    assert len(set(labels.values())) == len(labels) > 10

    def unlike(page, path):
        bad = []
        for link in page.select("article a[aria-describedby^=card-id]"):
            label = labels[urlsplit(link["href"]).fragment]
            names, _, year = label.rpartition(", ")
            cited = link.parent.get_text()
            if label != link.get_text() and f"{names} [{year}" not in cited:
                bad.append(cited)
        return bad

    assert site.complaints(unlike) == {}


def test_chapters_and_exercises_lead_to_each_other_and_to_their_notebooks(site):
    exercises = sorted((site.folder / "notebooks" / "exercises").glob("ex*/*.html"))
    assert len(exercises) == 17
    for exercise in exercises:
        chapter = site.folder / "notebooks" / exercise.name.removeprefix("ex")
        for here, there in ((chapter, exercise), (exercise, chapter)):
            links = site.pages[here].select(".about-page a")
            targets = [(here.parent / link["href"]).resolve() for link in links]
            assert targets[0] == there
            assert json.loads(targets[1].read_text()) == notebook_of(here, site)
            assert len(targets) == 2  # and Colab, in a copy that has an address


@pytest.mark.parametrize(
    "page, says",
    [
        ("notebooks/06_lrn.html", "About 30 minutes to read"),  # as its first lines do
        ("book/instructors.html", "About 1 minute to read"),
        ("book/how_to_use.html", r"About \d+ minutes to read"),  # and not the minutes in its text
        ("book/glossary.html", "Last changed .*"),  # nobody reads it from end to end
    ],
)
def test_pages_say_how_long_they_take(site, page, says):
    line = site.pages[site.folder / page].select_one(".about-page li")
    assert re.fullmatch(says, line.get_text())


def test_a_page_that_changed_is_built_again_without_a_warning(tmp_path):
    """Sphinx's own index is not there: it must not be missed either."""
    folder = f"import sys; sys.path.insert(0, {str(ROOT / 'book' / '_extensions')!r})"
    (tmp_path / "conf.py").write_text(f"{folder}\nextensions = ['sections']\n")
    (tmp_path / "other.rst").write_text(":orphan:\n\nOther\n=====\n")
    for text in ("first", "second"):
        (tmp_path / "index.rst").write_text(f"Page\n====\n\n{text}\n")
        command = [sys.executable, "-m", "sphinx", "-W", "-q", ".", "made"]
        subprocess.run(command, cwd=tmp_path, check=True)
        assert text in (tmp_path / "made" / "index.html").read_text()
    assert not (tmp_path / "made" / "searchindex.js").exists()


def test_search_knows_prose_the_rest_and_folded_answers_apart():
    page = parse("""<article><section id="s"><h1>Chapter</h1>
        <p>Some <code>prose</code>.</p><div class="cell"><pre>code</pre></div><p>More.</p>
        <div class="admonition"><p>Guess!</p>
        <div class="dropdown"><p>It is</p> <pre>7</pre></div></div>
        <details class="drawing-data"><table><td>1</td><td>2</td></table></details>
        <section id="inner"><h2>Inner</h2><p>Own.</p></section></section></article>""")
    first, second = sections.sections(page, "book/page.html")
    assert first["text"] == "Some prose. More. Guess!"
    assert (first["rest"], first["folded"]) == ("code 1 2", "It is 7")
    assert (second["heading"], second["text"]) == ("Inner", "Own.")
    assert second.keys() & {"rest", "folded"} == set()
    assert second["weight"] < first["weight"]


def test_each_term_of_the_glossary_is_a_section_and_each_letter_a_link(site):
    page = site.pages[site.folder / "book" / "glossary.html"]
    known = {s["heading"]: s for s in sections.sections(page, "book/glossary.html")}
    terms = page.select("dl.glossary > dt")
    assert len(known) == len(terms) + 1  # and the page itself
    assert known["padding"]["address"] == "book/glossary.html#term-padding"
    assert known["padding"]["text"].startswith("Rows and columns") and len(terms) > 60
    assert known[""]["text"] == "Words as this course uses them."
    letters = page.select("nav.letters[aria-label] a")
    names = [term.find(string=True) for term in terms]
    assert {name[0].upper() for name in names if name[0].isalpha()} == {
        link.get_text() for link in letters[1:]
    }
    assert letters[0].get_text() == "0–9"
    for link in letters[1:]:
        first = next(n for n in names if n.upper().startswith(link.get_text()))
        assert page.find(id=link["href"][1:]).find(string=True) == first


def test_a_copy_with_an_address_opens_in_colab(tmp_path):
    address = "https://colab.research.google.com/github/you/copy/blob/main/notebooks/06_lrn.ipynb"
    page = parse(f'<a href="{address}">Colab</a><article><h1>6</h1></article>')
    path = tmp_path / "notebooks" / "06_lrn.html"
    line = reading.about(page, path, tmp_path, Path("06_lrn.ipynb"), {path: page})
    assert list(line) == [f'<a href="{address}">Open in Colab</a>']


def git(folder, *words, day="2024-02-29"):
    noon = f"{day}T12:00:00"
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ROLES for what in ("NAME", "EMAIL")}
    when = {f"GIT_{role}_DATE": noon for role in ROLES}
    subprocess.run(["git", *words], cwd=folder, check=True, env=os.environ | who | when)


def test_a_page_changed_with_the_last_commit_that_touched_its_file(tmp_path):
    once = tmp_path / "once"
    once.mkdir()
    git(once, "init", "--quiet")
    for name, day in (("old", "2024-02-29"), ("new", "2025-03-01")):
        (once / name).write_text(name)
        git(once, "add", name)
        git(once, "commit", "--quiet", "-m", name, day=day)
    (once / "draft").touch()
    git(tmp_path, "clone", "--quiet", "--depth=1", once.as_uri(), "cut")
    (tmp_path / "plain").touch()

    assert reading.last_change(once / "old") == date(2024, 2, 29)
    assert reading.last_change(once / "new") == date(2025, 3, 1)
    assert reading.last_change(once / "draft") is None
    assert reading.last_change(tmp_path / "cut" / "old") is None
    assert reading.last_change(tmp_path / "plain") is None


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


@pytest.mark.parametrize(
    "tex",
    [
        r"96 + 96 = 34{,}944",
        r"\Bigl(k + a\Bigr)^{\beta}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
    ],
)
def test_a_broken_formula_is_seen(tex):
    made = formulas.mathml(tex, "block")
    assert len(broken_formulas(parse(f'<article><div class="math">{made}</div></article>'))) == 1


def test_code_may_show_markup():
    html = "<article><pre>{term}`a`</pre><p><code>{term}`a`</code> {x} <code>b</code></p></article>"
    assert leftovers(parse(html)) == []
