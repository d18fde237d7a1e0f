"""What a page that is open in a browser (Playwright's ``page``) does for its reader; each function
gives a list of complaints.
"""

CARD = ".reading-card:popover-open"
PATIENCE = 700  # milliseconds: longer than a card takes to come or to go

SIDEWAYS = """() => [...document.querySelectorAll("article pre:not(.in-columns)")]
  .filter((block) => block.scrollWidth > block.clientWidth + 1)
  .map((block) => block.textContent.slice(0, 80))"""

COLUMNS = """() => [...document.querySelectorAll("article .table-scroll")].flatMap((holder) => {
  holder.scrollLeft = 40;
  const edge = holder.getBoundingClientRect().left;
  const opaque = /^rgb\\(/;
  const bad = [...holder.querySelectorAll("tr")].filter((row) => {
    const cell = row.firstElementChild;
    const ground = getComputedStyle(cell).backgroundColor;
    const moved = Math.abs(cell.getBoundingClientRect().left - edge) > 1.5;
    const striped = ground === getComputedStyle(row).backgroundColor && opaque.test(ground);
    return holder.checkVisibility() && (moved || !striped);
  });
  holder.scrollLeft = 0;
  return bad.map((row) => row.textContent.trim().slice(0, 80));
})"""


def code_that_scrolls(page):
    """Blocks of code and outputs that go beyond their box."""
    return page.evaluate(SIDEWAYS)


def first_columns_that_move(page):
    """Rows whose first cell leaves with the others, or is not in the colour of its row."""
    return page.evaluate(COLUMNS)


FADES = """() => [...document.querySelectorAll("article .table-scroll")].flatMap((box) => {
  if (!box.checkVisibility()) return [];
  const fades = () => getComputedStyle(box).maskImage !== "none";
  const wider = box.scrollWidth - box.clientWidth;
  return fades() === wider > 2 ? [] : [`${wider} more: ${box.textContent.slice(0, 60)}`];
})"""


def tables_that_hide_that_there_is_more(page):
    """Tables that are cut off at the right without a sign, or with one when all is seen."""
    page.wait_for_timeout(PATIENCE)  # once the typefaces are there and the boxes are measured
    return page.evaluate(FADES)


def cards_by_mouse(page, link="a[aria-describedby]"):
    """The card of a link comes, can be pointed at, stays, and goes by Escape and by leaving."""
    found = []
    card, term = page.locator(CARD), page.locator(link).first
    term.hover()
    page.wait_for_timeout(PATIENCE)
    if card.count() != 1:
        return ["no card comes"]
    card.hover()
    page.wait_for_timeout(PATIENCE)
    found += [] if card.count() else ["the card goes when it is pointed at"]
    page.keyboard.press("Escape")
    found += ["Escape leaves the card"] if card.count() else []
    page.mouse.move(1, 1)
    term.hover()
    page.wait_for_timeout(PATIENCE)
    page.mouse.move(1, 1)
    page.wait_for_timeout(PATIENCE)
    return found + (["the card stays when the mouse has left"] if card.count() else [])


def cards_by_keyboard(page, link="a[aria-describedby]"):
    """The card of a link comes with the focus, inside the screen, and goes by Escape and by Tab."""
    found = []
    card, term = page.locator(CARD), page.locator(link).first
    for key in ("Escape", "Tab"):
        term.evaluate("link => link.blur()")
        page.keyboard.press("Shift")  # the keyboard is in use: focus shows
        term.focus()
        if card.count() != 1:
            return ["no card comes"]
        place, screen = card.bounding_box(), page.viewport_size
        inside = place["x"] >= 0 and place["x"] + place["width"] <= screen["width"]
        found += [] if inside else ["the card is cut off"]
        says = card.inner_text()
        page.keyboard.press(key)
        if card.count() and card.inner_text() == says:
            found.append(f"{key} leaves the card")
    return found


def progress(page):
    """The bar on top is empty at the beginning and full at the end, or hidden by wish."""
    widths = []
    for place in ("0", "document.documentElement.scrollHeight"):
        page.evaluate(f"scrollTo({{top: {place}, behavior: 'instant'}})")
        page.wait_for_timeout(200)
        shown = "document.querySelector('.reading-progress').getBoundingClientRect().width"
        widths.append(page.evaluate(shown))
    still = page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    full = 0 if still else page.evaluate("document.documentElement.clientWidth")
    good = widths[0] == 0 and abs(widths[1] - full) < 2
    return [] if good else [f"the bar goes from {widths[0]} to {widths[1]} pixels"]
