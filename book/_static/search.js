// The search page: every section of the book is a document, indexed here when the page opens, a few
// at a time, so that the page stays responsive on a slow phone.
// The sections come from search-sections.js, a script and no request, so that a book that is
// opened from a folder can be searched too.

// Words, and numbers whole: 60,965,224 and 60965224 are the same number, 0.5 is not 5.
function tokens(text) {
  const found = text.match(/\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[\p{L}\p{M}]+/gu) || [];
  return found.map((token) => token.replace(/,/g, ""));
}

async function makeIndex(sections) {
  const index = new MiniSearch({
    fields: ["page", "heading", "text"],
    tokenize: tokens,
    searchOptions: {
      boost: { page: 4, heading: 3 },
      boostDocument: (id) => sections[id].weight,
      prefix: (term) => term.length > 2 && !/^\d/.test(term),
      fuzzy: (term) => (term.length > 4 && !/^\d/.test(term) ? 0.15 : false),
    },
  });
  const documents = sections.map((section, id) => ({ id, ...section }));
  await index.addAllAsync(documents, { chunkSize: 8 });
  return index;
}

// Pages, the best first, each with its best sections. All words must be found; if no section has
// them all, any word is enough.
function search(index, sections, query) {
  let hits = index.search(query, { combineWith: "AND" });
  if (!hits.length) hits = index.search(query, { combineWith: "OR" });
  const pages = new Map();
  for (const hit of hits) {
    const section = sections[hit.id];
    const page = pages.get(section.page) || { title: section.page, score: 0, sections: [] };
    page.score += hit.score;
    page.sections.push({ ...section, terms: hit.terms });
    pages.set(section.page, page);
  }
  return [...pages.values()].sort((a, b) => b.score - a.score);
}

// What stands around the first find, in pieces: [text, found].
function excerpt(text, terms) {
  const words = [...text.matchAll(/\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[\p{L}\p{M}]+/gu)];
  const found = words.filter((word) =>
    terms.includes(word[0].replace(/,/g, "").toLowerCase())
  );
  const middle = found.length ? found[0].index : 0;
  const start = middle > 80 ? text.indexOf(" ", middle - 80) + 1 : 0;
  const end = Math.min(text.length, start + 220);
  const pieces = [];
  let at = start;
  for (const word of found) {
    if (word.index < at || word.index + word[0].length > end) continue;
    pieces.push([text.slice(at, word.index), false], [word[0], true]);
    at = word.index + word[0].length;
  }
  pieces.push([text.slice(at, end), false]);
  if (start) pieces.unshift(["… ", false]);
  if (end < text.length) pieces.push([" …", false]);
  return pieces;
}

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function show(pages, query, place) {
  const count = pages.length;
  const where = count === 1 ? "one page" : `${count} pages`;
  const said = count ? `“${query}” is found on ${where}.` : `Nothing is found for “${query}”.`;
  const list = element("ol", { className: "search-found" });
  for (const page of pages) {
    const parts = page.sections.slice(0, 3).map((section) => {
      const pieces = excerpt(section.text, section.terms).map(([text, found]) =>
        found ? element("mark", {}, text) : text
      );
      const name = section.heading || section.page;
      const link = element("a", { href: section.address }, name);
      return element("li", {}, link, element("p", {}, ...pieces));
    });
    const title = element("h2", {}, page.title);
    list.append(element("li", {}, title, element("ul", {}, ...parts)));
  }
  place.replaceChildren(element("p", { role: "status" }, said), list);
}

document.addEventListener("DOMContentLoaded", async () => {
  const query = new URLSearchParams(location.search).get("q");
  const place = document.getElementById("search-results");
  if (!query || !query.trim() || !place) return;
  for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
  place.replaceChildren(element("p", { role: "status" }, "Searching …"));
  const sections = window.COURSE_SECTIONS;
  show(search(await makeIndex(sections), sections, query), query.trim(), place);
});
