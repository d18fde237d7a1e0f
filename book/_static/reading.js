// How far the page is read, in a thin bar on top; what is wider than its box; and the cards that say what a term means or what
// a citation cites: beside a link that the mouse or the keyboard comes to, until both have left.

document.addEventListener("DOMContentLoaded", () => {
  const bar = document.createElement("div");
  bar.className = "reading-progress";
  bar.setAttribute("aria-hidden", "true");
  document.body.append(bar);
  const page = document.documentElement;
  const measure = () => {
    const way = page.scrollHeight - page.clientHeight;
    bar.style.transform = `scaleX(${way > 0 ? Math.min(1, page.scrollTop / way) : 0})`;
  };
  addEventListener("scroll", measure, { passive: true });
  addEventListener("resize", measure);
  measure();
});

// What is wider than its box fades out at the right as long as there is more to come.
document.addEventListener("DOMContentLoaded", () => {
  const wide = ".table-scroll, div.math, pre.in-columns";
  const mark = (box) =>
    box.classList.toggle("has-more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  const seen = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  for (const box of document.querySelectorAll(wide)) {
    box.addEventListener("scroll", () => mark(box), { passive: true });
    seen.observe(box);
  }
});

(() => {
  if (!HTMLElement.prototype.showPopover) return;
  const PATIENCE = 250; // milliseconds, to open, and to reach the card
  let card = null;
  let owner = null;
  let timer = 0;

  const linkOf = (event) => event.target.closest("a[aria-describedby^='card-']");

  function later(action) {
    clearTimeout(timer);
    timer = setTimeout(action, PATIENCE);
  }

  function hide() {
    clearTimeout(timer);
    if (card) card.hidePopover();
    card = owner = null;
  }

  // Below the link, or above it where there is no room; never beyond the edge of the screen.
  function show(link) {
    hide();
    owner = link;
    card = document.getElementById(link.getAttribute("aria-describedby"));
    card.showPopover();
    const [first] = link.getClientRects();
    const around = link.getBoundingClientRect();
    const { width, height } = card.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const below = around.bottom + height < innerHeight || around.top < height;
    card.style.left = `${scrollX + Math.max(8, Math.min(first.left, room))}px`;
    card.style.top = `${scrollY + (below ? around.bottom : around.top - height)}px`;
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return; // a tap follows the link
    const link = linkOf(event);
    if (link && link !== owner) later(() => show(link));
    else if (link || event.target.closest(".reading-card")) clearTimeout(timer);
    else if (owner !== document.activeElement) later(hide);
  });
  document.addEventListener("focusin", (event) => {
    const link = linkOf(event);
    if (link && link.matches(":focus-visible")) show(link);
  });
  document.addEventListener("focusout", (event) => {
    if (linkOf(event) === owner) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
