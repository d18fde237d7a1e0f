"""The built book in a real browser: searched, walked through by keyboard, narrow, dark, and judged
by axe-core (``axe/``, MPL 2.0) after WCAG 2.2 AA and best practices.

Each page is judged in one of nine forms; where ``ALEXNET_COURSE_EVERY`` is set (``make access``),
in all nine, and the walk by keyboard goes through every page. Chromium is Debian's, on ``PATH`` or
named by ``ALEXNET_COURSE_CHROMIUM``; without one, all this is skipped.
"""

import os
import sys
from collections import defaultdict
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reading_in_browser as reading
from built import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from browser import served

EVERY = bool(os.environ.get("ALEXNET_COURSE_EVERY"))
WIDTHS = (1400, 390, 320)
MODES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
}
FORMS = [(width, mode) for width in WIDTHS for mode in MODES]
AXE = (ROOT / "tests" / "axe" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WEIGHT = 500_000  # bytes of a page without its pictures, compressed
SHIFT = 0.05  # of the layout, as browsers add it up
CHAPTER = "notebooks/06_lrn.html"
WALKED = (
    "book/index.html",
    "book/glossary.html",
    "notebooks/03_size_arithmetic.html",
    "notebooks/exercises/ex03/ex03_size_arithmetic.html",
    "search.html?q=padding",
)


@pytest.fixture(scope="module")
def home(site):
    with served(site.folder) as address:
        yield address


@pytest.fixture(scope="module")
def names(site):
    """The addresses of the pages that hold text; a redirection holds none.

    Where a copy has an address, its 404.html leads to there, and can't be opened elsewhere.
    """
    texts = [(p, p.read_text(encoding="utf-8")) for p in site.paths]
    return [
        p.relative_to(site.folder).as_posix()
        for p, text in texts
        if "<article" in text and 'href="/' not in text
    ]


def visit(page, address):
    """Opens an address; the search page is there when it has found what it can."""
    page.goto(address)
    if "?q=" in address:
        page.locator(".search-found").wait_for(state="attached")


@pytest.fixture
def opened(browser, home):
    """Opens a page of the book, narrow or wide, light or dark, without motion."""
    contexts = []

    def open_page(name, width=1400, mode="light", start=home, **options):
        look = {"reduced_motion": "reduce"} | MODES[mode] | options
        context = browser.new_context(viewport={"width": width, "height": 900}, **look)
        contexts.append(context)
        page = context.new_page()
        visit(page, start + name)
        return page

    yield open_page
    for context in contexts:
        context.close()


# Every page: what it says to the console, loads, weighs, and whether it fits.


@pytest.fixture(scope="module")
def visits(browser, home, names):
    """What is noticed at one visit of each page on the narrowest screen, by page."""
    found = {}
    context = browser.new_context(viewport={"width": min(WIDTHS), "height": 800})
    for name in names:
        seen = found[name] = defaultdict(list)
        page = context.new_page()
        page.on("console", lambda said, seen=seen: seen[said.type].append(said.text))
        page.on("pageerror", lambda error, seen=seen: seen["error"].append(str(error)))
        page.on("request", lambda request, seen=seen: seen["asked"].append(request.url))
        page.on("requestfailed", lambda request, seen=seen: seen["failed"].append(request.url))
        page.on("response", lambda response, seen=seen: seen["responses"].append(response))
        page.goto(home + name)
        seen["failed"] += [r.url for r in seen["responses"] if r.status >= 400]
        seen["weights"] = [
            int(r.headers.get("content-length", 0))
            for r in seen["responses"]
            if r.request.resource_type != "image"
        ]
        seen["wider"] = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        page.close()
    context.close()
    return found


def of_each(visits, look):
    """What ``look`` finds wrong with a visit, by page."""
    return {name: wrong for name, seen in visits.items() if (wrong := look(seen))}


def test_no_page_complains_to_the_console(visits):
    assert len(visits) > 20
    assert of_each(visits, lambda seen: seen["error"] + seen["warning"]) == {}


def test_no_request_fails_or_leaves_the_book(visits, home):
    assert of_each(visits, lambda seen: seen["failed"]) == {}
    inside = (home, "data:")
    asked = of_each(visits, lambda seen: [u for u in seen["asked"] if not u.startswith(inside)])
    assert asked == {}


def test_no_page_scrolls_sideways(visits):
    assert of_each(visits, lambda seen: seen["wider"]) == {}


def test_no_page_is_heavy_without_its_pictures(visits):
    weights = {name: sum(seen["weights"]) for name, seen in visits.items()}
    assert min(weights.values()) > 10_000  # something was weighed
    assert {name: weight for name, weight in weights.items() if weight > WEIGHT} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_first_paint_has_the_colours_that_stay(opened, home, mode):
    page = opened("search.html", mode=mode)
    ground = "getComputedStyle(document.body).backgroundColor"
    settled = page.evaluate(ground)
    page.evaluate("localStorage.clear()")
    page.route("**/*.js*", lambda route: route.abort())
    page.goto(home + CHAPTER)
    assert page.evaluate(ground) == settled


SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((shift) => shift.value)))
    .observe({type: "layout-shift", buffered: true});"""


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_while_a_page_opens(opened, home, width):
    page = opened("search.html", width)
    page.add_init_script(SHIFTS)
    for name in WALKED:
        visit(page, home + name)
        page.wait_for_timeout(300)  # the theme looks at what is shown a little later
        assert page.evaluate("shifts.reduce((sum, shift) => sum + shift, 0)") < SHIFT, name


# Access.

UNFOLD = """
for (const part of document.querySelectorAll('details')) part.open = true;
for (const part of document.querySelectorAll('.toggle-button[aria-expanded=false]')) part.click();
"""
JUDGE = """rules => {
  window.judged = axe.run({preload: false, resultTypes: ['violations'], runOnly: rules}).then(
    found => found.violations.flatMap(({id, nodes}) => nodes.map(({html, any, all, none}) =>
      `${id}: ${html.slice(0, 200)} ${[...any, ...all, ...none].map(c => c.message)}`)));
}"""


def violations(*pages):
    """What axe-core finds wrong with pages as they are shown now, a line for each element."""
    for page in pages:  # at the same time: each is a process of the browser's
        page.evaluate(AXE)
        page.evaluate(JUDGE, RULES)
    return [line for page in pages for line in page.evaluate("window.judged")]


def judged_in(names, form):
    """The pages whose turn it is in a form: each page has one."""
    place = FORMS.index(form)
    return [name for number, name in enumerate(names) if EVERY or place == number % len(FORMS)]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_axe_finds_nothing_on_any_page_with_all_unfolded(opened, home, names, form):
    first = opened("search.html", *form)
    turn = judged_in(names, form)
    for some in (turn[at : at + 4] for at in range(0, len(turn), 4)):
        pages = [first.context.new_page() for _ in some]
        for page, name in zip(pages, some):
            page.goto(home + name)
            page.evaluate(UNFOLD)
        assert violations(*pages) == [], some
        for page in pages:
            page.close()


def test_axe_sees_what_is_wrong(opened):
    page = opened("book/index.html")
    page.evaluate("document.querySelector('article').innerHTML += '<img src=x><button></button>'")
    assert {line.partition(":")[0] for line in violations(page)} >= {"image-alt", "button-name"}


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_in_what_opens_over_a_page(opened, mode):
    page = opened(CHAPTER, 390, mode)
    page.locator("button.primary-toggle").click()
    assert page.locator("#pst-primary-sidebar-modal").is_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    assert page.locator("#pst-search-dialog").is_visible()
    assert violations(page) == []


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_in_what_search_finds(opened, mode):
    page = opened("search.html?q=padding", 390, mode)
    assert page.locator(".search-found h2").count() > 3
    assert violations(page) == []


# By keyboard.

FOCUSED = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const boxes = [...focused.getClientRects()];
  const shown = boxes.some((box) => [0.5, 0.1, 0.9].some((part) => {
    const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
    const at = document.elementFromPoint(box.x + box.width * part, (top + bottom) / 2);
    return at && (focused.contains(at) || at.contains(focused));
  }));
  const look = getComputedStyle(focused);
  const reach = parseFloat(look.outlineOffset) + 1; // how far out the ring begins
  let ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1;
  for (let around = focused.parentElement; around; around = around.parentElement) {
    if (getComputedStyle(around).overflowX === "visible") continue;
    const outer = around.getBoundingClientRect(); // cuts off what reaches beyond it
    ring &&= boxes.some((box) => box.left - reach >= outer.left || box.right + reach <= outer.right
        || box.top - reach >= outer.top || box.bottom + reach <= outer.bottom);
  }
  const seen = focused.dataset.walked;
  focused.dataset.walked = "yes";
  return {html: focused.outerHTML.slice(0, 150), shown, ring, seen};
}"""


def walk(page, most=2000):
    """What Tab comes to, one after another, until it leaves the page or comes round."""
    steps = []
    for _ in range(most):
        page.keyboard.press("Tab")
        step = page.evaluate(FOCUSED)
        if step is None or step["seen"]:
            return steps
        steps.append(step)
    raise AssertionError("the walk has no end")


def lost(steps):
    return [step for step in steps if not (step["shown"] and step["ring"])]


@pytest.mark.parametrize("width", [1400, 390])
def test_whatever_tab_comes_to_is_seen_and_ringed(opened, home, names, width):
    found = {}
    page = opened("search.html", width)
    for name in sorted({*names, *WALKED}) if EVERY else WALKED:
        visit(page, home + name)
        steps = walk(page)
        assert len(steps) > 5, name
        found[name] = lost(steps)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_lost_focus_is_seen(opened):
    page = opened("book/how_to_use.html")
    link = page.locator("article p a").first
    link.evaluate("link => link.style.setProperty('outline', 'none', 'important')")
    assert len(lost(walk(page))) == 1


def press(page, selector, key="Enter"):
    """Goes to the first visible element that a selector names, and presses a key there."""
    page.locator(selector).locator("visible=true").first.focus()
    page.keyboard.press(key)


def test_the_menu_opens_and_closes_by_keyboard(opened):
    page = opened(CHAPTER, 390)
    menu = page.locator("#pst-primary-sidebar-modal")
    assert not menu.is_visible()
    press(page, "button.primary-toggle")
    assert menu.is_visible()
    page.keyboard.press("Tab")
    assert menu.evaluate("menu => menu.contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert not menu.is_visible()
    assert page.evaluate("document.activeElement.matches('button.primary-toggle')")
    press(page, "button.primary-toggle")
    press(page, "#pst-primary-sidebar-modal a[href*='03_size_arithmetic']")
    page.wait_for_url("**/03_size_arithmetic.html")


def test_the_colours_change_by_keyboard_and_stay_changed(opened):
    page = opened(CHAPTER)
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {page.evaluate(ground)}
    for _ in range(3):  # light, dark, as the system has it
        press(page, "button.theme-switch-button")
        seen.add(page.evaluate(ground))
    assert len(seen) == 2
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        press(page, "button.theme-switch-button")
    dark = page.evaluate(ground)
    page.goto(page.url.replace(CHAPTER, "book/glossary.html"))
    assert page.evaluate(ground) == dark


def test_what_is_folded_opens_and_closes_by_keyboard(opened):
    page = opened("notebooks/03_size_arithmetic.html")
    folds = page.locator("article details > summary, article .toggle-button").all()
    shown = """fold => fold.closest('details, .admonition').lastElementChild
        .checkVisibility({visibilityProperty: true})"""
    for fold in folds:
        assert not fold.evaluate(shown)
        fold.focus()
        page.keyboard.press("Enter")
        assert fold.evaluate(shown)
    assert len(folds) > 5
    folds[0].focus()
    page.keyboard.press("Space")
    assert not folds[0].evaluate(shown)


def test_a_wide_table_scrolls_inside_itself_by_keyboard(opened):
    page = opened("notebooks/03_size_arithmetic.html", 320)
    page.evaluate(UNFOLD)
    places = "[...document.querySelectorAll('.table-scroll')]"
    wide = f"{places}.filter(place => place.scrollWidth > place.clientWidth + 50)"
    assert page.evaluate(f"{wide}.length")
    page.evaluate(f"{wide}[0].focus()")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{wide}[0].scrollLeft > 0")
    assert page.evaluate("window.scrollX") == 0


def test_search_is_reached_used_and_left_by_keyboard(opened):
    page = opened(CHAPTER)
    page.keyboard.press("Control+k")
    page.keyboard.type("padding")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=padding")
    page.locator("#search-results [role=status]", has_text="padding").wait_for()
    press(page, ".search-found a")
    page.wait_for_url("**/notebooks/**")
    assert page.locator("article h1").is_visible()


def test_nothing_moves_for_those_who_want_no_motion(opened):
    moving = """[...document.querySelectorAll('*')].flatMap((e) => ["", "::before", "::after"].map(
        (part) => getComputedStyle(e, part))).filter((look) =>
        [look.transitionDuration, look.animationDuration].join().split(",")
            .some((text) => parseFloat(text) * (text.includes("ms") ? 1 : 1000) > 10)
        || look.scrollBehavior === "smooth").length"""
    assert opened(CHAPTER).evaluate(moving) == 0
    assert opened(CHAPTER, reduced_motion="no-preference").evaluate(moving) > 0


# On paper.

CUT = """[...document.querySelectorAll("article pre")]
    .filter((pre) => pre.scrollWidth > pre.clientWidth + 1)
    .map((pre) => pre.textContent.slice(0, 80))"""
BRIGHTNESS = """Math.max(...getComputedStyle(document.querySelector("article p"))
    .color.match(/[\\d.]+/g).slice(0, 3).map(Number))"""


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_print_is_dark_on_light_and_cuts_no_code(opened, home, names, mode):
    page = opened("search.html", 700, mode)
    page.emulate_media(media="print")
    for name in [n for n in names if n.startswith("notebooks/0")]:
        page.goto(home + name)
        assert page.evaluate(CUT) == [], name
        assert page.evaluate(BRIGHTNESS) < 90, name


# Search.

FIRST = {
    "227": ["3"],
    "60,965,224": ["2", "4"],
    "60965224": ["2", "4"],
    "LRN": ["6"],
    "60 million": ["4"],
    "padding": ["3"],
}


@pytest.fixture(params=["file", "http"])
def start(request, site, home):
    return home if request.param == "http" else site.folder.as_uri() + "/"


@pytest.mark.parametrize("query", FIRST)
def test_search_finds_the_right_chapter_first(opened, start, query):
    words = [*query.lower().split(), query.replace(",", ""), "60,965,224"]
    page = opened("book/index.html", start=start)
    page.keyboard.press("Control+k")
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    first = page.locator(".search-found > li").first
    assert first.locator("h2").inner_text().split(" ")[0] in FIRST[query]
    assert first.locator("h2").is_visible()
    marked = first.locator("mark").first.inner_text()
    assert any(marked.lower().startswith(word) for word in words)
    assert len(first.locator("p").first.inner_text()) > len(query) + 20
    first.locator("a").first.click()
    page.wait_for_url("**/notebooks/**")
    assert page.locator("article h1").is_visible()


def test_search_says_what_is_not_found(opened):
    page = opened("search.html?q=60965225")
    assert page.locator("#search-results").inner_text() == "Nothing is found for “60965225”."


def test_search_takes_a_number_with_and_without_commas_for_the_same(opened):
    page = opened("search.html")
    numbers = st.lists(st.integers(min_value=0, max_value=10**12), min_size=1)

    @settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    @given(numbers)
    def check(numbers):
        plain = [str(number) for number in numbers]
        for text in (" ".join(plain), "; ".join(f"{number:,}" for number in numbers)):
            assert page.evaluate("text => tokens(text)", text) == plain

    check()


def test_search_keeps_words_and_decimals_whole(opened):
    page = opened("search.html")
    text = "α = 0.0001, 1,5 and 12,34 μs; naïve 3×3 conv1_2"
    words = page.evaluate("text => tokens(text)", text)
    assert words[:2] == ["α", "0.0001"] and {"naïve", "μs", "conv"} <= set(words)


def asked(opened, query):
    return opened(f"search.html?q={quote(query)}")


def said(page):
    return page.locator("#search-results [role=status]").inner_text()


def marked(page):
    """The words that the excerpts show as found, in small letters."""
    return {word.lower() for word in page.locator(".search-found mark").all_inner_texts()}


def test_search_takes_a_word_for_itself_before_its_neighbours(opened):
    """“adding” and “LRNs” are close to what is asked for, but not it."""
    assert marked(asked(opened, "padding")) == {"padding"}
    assert marked(asked(opened, "adding")) == {"adding"}
    assert marked(asked(opened, "kern")) >= {"kernel", "kernels"}


@pytest.mark.parametrize(
    "query, close", [("dropuot", "dropout"), ("padidng", "padding"), ("momentom", "momentum")]
)
def test_search_finds_what_is_misspelt_and_says_so(opened, query, close):
    page = asked(opened, query)
    assert said(page) == f"Nothing is found for “{query}”; this is close to it:"
    assert close in marked(page)


def test_search_says_when_the_words_stand_nowhere_together(opened):
    page = asked(opened, "bananas inhibition")
    assert said(page) == "No section has all words of “bananas inhibition”; these have some:"
    assert marked(page) == {"inhibition"}


@pytest.mark.parametrize(
    "query, section",
    [("227", "The puzzle: 224 does not fit"), ("LRN", "The claim")],
)
def test_search_leads_to_where_a_page_explains_it(opened, query, section):
    page = asked(opened, query)
    assert page.locator(".search-found li li a").first.inner_text() == section


def test_search_shows_the_start_page_where_its_number_stands_in_prose(opened):
    titles = asked(opened, "60965224").locator(".search-found h2").all_inner_texts()
    assert "Learn AlexNet" in titles[:3]
    assert any(title.startswith("3") for title in titles[3:])  # only asks about it


def test_excerpts_are_cut_between_words(opened):
    page = asked(opened, "weight")
    texts = page.locator(".search-found p").all_inner_texts()
    sections = page.evaluate("COURSE_SECTIONS")
    whole = {w for s in sections for f in ("text", "rest", "folded") for w in s.get(f, "").split()}
    cut = [word for text in texts for word in text.split() if word not in whole | {"…"}]
    assert len(texts) > 20 and cut == []


def test_excerpts_are_prose_and_give_no_answer_away(opened):
    page = asked(opened, "home")
    cases = {
        "prose first": [{"text": "a b", "rest": "b c", "folded": "b d"}, False],
        "then the rest": [{"text": "a", "rest": "b c", "folded": "b d"}, False],
        "no answer": [{"text": "a", "folded": "b d"}, False],
        "but the only one": [{"text": "a", "folded": "b d"}, True],
    }
    shown = """([section, open]) =>
        showSection({section, terms: ["b"]}, [], open).querySelector("p").textContent"""
    found = {name: page.evaluate(shown, case) for name, case in cases.items()}
    hidden = "In an answer that is folded there."
    assert list(found.values()) == ["a b", "b c", hidden, "b d"]


def test_a_word_that_only_a_folded_answer_has_is_shown(opened):
    page = asked(opened, "4,056,030")
    assert marked(page) == {"4,056,030"}


@pytest.mark.parametrize("query", ["padding", "Paddings", "“padding”"])
def test_search_shows_the_glossarys_definition_first(opened, query):
    page = asked(opened, query)
    card = page.locator(".search-term")
    assert "Rows and columns, usually of zeros" in card.inner_text()
    above = """card => card.getBoundingClientRect().bottom
        <= document.querySelector(".search-found").getBoundingClientRect().top"""
    assert card.evaluate(above)
    card.locator("a").click()
    page.wait_for_url("**/book/glossary.html#term-padding")


def test_search_shows_no_definition_of_what_is_only_part_of_a_term(opened):
    assert asked(opened, "normalisation").locator(".search-term").count() == 0


@pytest.mark.parametrize("quotes", ['""', "“”"])
def test_quotation_marks_ask_for_a_phrase(opened, quotes):
    page = asked(opened, f"{quotes[0]}60 million{quotes[1]}")
    assert said(page).startswith("“60 million” is found on ")
    assert marked(page) == {"60", "million"}
    for excerpt in page.locator(".search-found p").all_inner_texts():
        assert "60 million" in excerpt
    page = asked(opened, f"{quotes[0]}million 60{quotes[1]}")
    assert said(page).startswith("“million 60” is found nowhere in one piece;")


@pytest.mark.parametrize("mode", MODES)
def test_the_search_field_has_one_ring(opened, mode):
    page = opened(CHAPTER, 390, mode)
    page.keyboard.press("Control+k")
    field = page.locator("#pst-search-dialog input")
    looks = """field => [field, field.form].map(getComputedStyle)
        .map((look) => [look.outlineStyle !== "none", look.boxShadow !== "none"])"""
    assert field.evaluate(looks) == [[True, False], [False, False]]


@pytest.mark.parametrize("width", [1400, 390])
def test_the_glossarys_letters_lead_to_their_terms(opened, width):
    page = opened("book/glossary.html", width)
    letters = page.locator(".letters a")
    assert letters.count() > 15
    for link in (letters.first, letters.nth(9), letters.last):
        box = link.bounding_box()
        assert min(box["width"], box["height"]) >= 24
        link.click()
        term = page.locator(f"[id='{page.url.partition('#')[2]}']")
        assert 0 <= term.bounding_box()["y"] < 900 and "term-" in page.url
    page.emulate_media(media="print")
    assert not page.locator(".letters").is_visible()


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_chapter_helps_its_reader(opened, width, motion):
    page = opened(CHAPTER, width, reduced_motion=motion)
    checks = [
        reading.code_that_scrolls,
        reading.first_columns_that_move,
        reading.tables_that_hide_that_there_is_more,
        reading.progress,
    ]
    if motion == "reduce":  # cards are the same with and without
        checks += [reading.cards_by_keyboard, reading.cards_by_mouse]
    found = {check.__name__: check(page) for check in checks}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_what_an_instructor_needs_first_fits_on_a_screen(opened):
    page = opened("book/instructors.html")
    bottom = page.evaluate(
        "Math.max(...[...document.querySelectorAll('article section > *')]"
        ".map(one => one.getBoundingClientRect().bottom))"
    )
    assert page.locator("article pre").count() == page.locator("article svg.drawing").count() == 1
    assert bottom < page.viewport_size["height"]
