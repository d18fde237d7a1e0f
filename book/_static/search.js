// The search page: every section of the book is a document, indexed here when the page opens, a few
// at a time, so that the page stays responsive on a slow phone.
// The sections come from search-sections.js, a script and no request, so that a book that is
// opened from a folder can be searched too.

// Words, and numbers whole: 60,965,224 and 60965224 are the same number, 0.5 is not 5.
const WORD = /\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[\p{L}\p{M}]+/gu;
const QUOTES = /["“”„]/g;
const FIELDS = ["text", "rest", "folded"]; // prose; code, tables and the like; answers

function tokens(text) {
  return (text.match(WORD) || []).map((token) => token.replace(/,/g, ""));
}

function plain(text) {
  return tokens(text).map((token) => token.toLowerCase());
}

async function makeIndex(sections) {
  const index = new MiniSearch({
    fields: ["page", "heading", ...FIELDS],
    tokenize: tokens,
    searchOptions: {
      boost: { page: 4, heading: 3, rest: 0.1, folded: 0.1 },
      bm25: { k: 0.4, b: 0.7, d: 0.5 }, // how often a word stands there matters less than where
      weights: { prefix: 0.1 },
      boostDocument: (id) => sections[id].weight,
      prefix: (term) => term.length > 2 && !/^\d/.test(term),
    },
  });
  const documents = sections.map((section, id) => ({ id, ...section }));
  await index.addAllAsync(documents, { chunkSize: 8 });
  return index;
}

// Where a phrase begins among words.
function starts(words, phrase) {
  return [...words.keys()].filter((at) => phrase.every((word, i) => words[at + i] === word));
}

// What is found, and in which way, the best way first. What stands in quotation marks must be found
// in one piece. What is misspelt is found by its neighbours, one letter away or two.
function find(index, sections, query) {
  const quoted = [...query.matchAll(/["“”„]([^"“”„]+)["“”„]/g)].map((match) => plain(match[1]));
  const phrases = quoted.filter((phrase) => phrase.length > 1);
  const ask = (options) => index.search(query, { combineWith: "AND", ...options });
  const whole = (hit) =>
    phrases.every((phrase) =>
      ["heading", ...FIELDS].some(
        (field) => starts(plain(sections[hit.id][field] || ""), phrase).length
      )
    );
  const near = (edits) => ({
    fuzzy: (term) =>
      term.length >= 2 * edits + 2 && !/^\d/.test(term) && !index.search(term).length && edits,
  });
  const ways = [
    ["whole", phrases, () => ask().filter(whole)],
    ["apart", [], () => ask()],
    ["near", [], () => ask(near(1))],
    ["near", [], () => ask(near(2))],
    ["some", [], () => ask({ combineWith: "OR" })],
  ];
  for (const [way, together, hits] of ways) {
    const found = hits();
    if (found.length) return { way, hits: found, phrases: together };
  }
  return { way: "none", hits: [], phrases: [] };
}

// Pages, the best first, each with its best sections.
function byPage(hits, sections) {
  const pages = new Map();
  for (const hit of hits) {
    const section = sections[hit.id];
    const page = pages.get(section.page) || { title: section.page, score: 0, hits: [] };
    page.hits.push({ section, terms: hit.terms });
    page.score += hit.score / page.hits.length; // they come the best first
    pages.set(section.page, page);
  }
  return [...pages.values()].sort((a, b) => b.score - a.score);
}

// The words of a text that were asked for; those of a phrase only where it is whole.
function finds(text, terms, phrases) {
  const words = [...text.matchAll(WORD)];
  const names = words.map((word) => word[0].replace(/,/g, "").toLowerCase());
  const inPhrases = phrases.flatMap((phrase) =>
    starts(names, phrase).flatMap((at) => phrase.map((_, i) => at + i))
  );
  const single = terms.filter((term) => !phrases.flat().includes(term));
  return words.filter((_, at) => single.includes(names[at]) || inPhrases.includes(at));
}

// What stands around the finds, in pieces, [text, found]: where the most different words are.
function excerpt(text, found) {
  const kinds = (from) =>
    new Set(
      found
        .filter((word) => word.index >= from.index && word.index < from.index + 120)
        .map((word) => word[0].toLowerCase())
    ).size;
  const first = found.reduce((best, word) => (kinds(word) > kinds(best) ? word : best), found[0]);
  const middle = first ? first.index : 0;
  const start = middle > 80 ? text.lastIndexOf(" ", middle - 80) + 1 : 0;
  const space = text.lastIndexOf(" ", start + 220);
  const end = text.length <= start + 220 || space < middle ? text.length : space;
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

// The glossary's term that was asked for, in the singular or the plural.
function termOf(sections, query) {
  const asked = plain(query).join(" ");
  return sections.find((section) => {
    if (!section.definition) return false;
    const name = plain(section.heading).join(" ");
    return ["", "s", "es"].some((end) => name + end === asked || asked + end === name);
  });
}

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function said(way, query, count) {
  const where = count === 1 ? "one page" : `${count} pages`;
  return {
    whole: `“${query}” is found on ${where}.`,
    apart: `“${query}” is found nowhere in one piece; its words are found on ${where}:`,
    near: `Nothing is found for “${query}”; this is close to it:`,
    some: `No section has all words of “${query}”; these have some:`,
    none: `Nothing is found for “${query}”.`,
  }[way];
}

function showTerm(term) {
  const link = element("a", { href: term.address }, term.heading);
  const says = element("div", { innerHTML: term.definition });
  const title = element("h2", {}, link, " in the glossary");
  return element("div", { className: "search-term" }, title, says);
}

// A section and its excerpt: of its prose, or of the rest; an answer that is folded stays folded,
// unless nothing else was found.
function showSection({ section, terms }, phrases, open) {
  const places = FIELDS.map((field) => [field, finds(section[field] || "", terms, phrases)]);
  const [field, found] = places.find(([, found]) => found.length) || ["text", []];
  const pieces = excerpt(section[field] || section.rest || "", found).map(([text, found]) =>
    found ? element("mark", {}, text) : text
  );
  const hidden = field === "folded" && !open;
  const says = hidden ? [element("em", {}, "In an answer that is folded there.")] : pieces;
  const link = element("a", { href: section.address }, section.heading || section.page);
  return element("li", {}, link, element("p", {}, ...says));
}

function show({ way, hits, phrases }, sections, query, place) {
  const name = query.replace(QUOTES, " ").trim().replace(/\s+/g, " ");
  const pages = byPage(hits, sections);
  const open = !hits.some((hit) => Object.values(hit.match).flat().some((f) => f !== "folded"));
  const items = pages.map((page) => {
    const parts = page.hits.slice(0, 3).map((hit) => showSection(hit, phrases, open));
    return element("li", {}, element("h2", {}, page.title), element("ul", {}, ...parts));
  });
  const status = element("p", { role: "status" }, said(way, name, pages.length));
  const term = termOf(sections, query);
  const list = element("ol", { className: "search-found" }, ...items);
  place.replaceChildren(status, ...(term ? [showTerm(term)] : []), list);
}

document.addEventListener("DOMContentLoaded", async () => {
  const query = new URLSearchParams(location.search).get("q");
  const place = document.getElementById("search-results");
  if (!query || !query.trim() || !place) return;
  for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
  place.replaceChildren(element("p", { role: "status" }, "Searching …"));
  const sections = window.COURSE_SECTIONS;
  show(find(await makeIndex(sections), sections, query), sections, query, place);
});
