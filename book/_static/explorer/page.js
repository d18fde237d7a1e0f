// What the scripts of several pages share: elements, shapes, the address, the clipboard.

"use strict";

const inPage = (() => {
  function filled(made, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== null) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  const element = (tag, attributes = {}, ...children) =>
    filled(document.createElement(tag), attributes, children);

  const shape = (tag, attributes = {}, ...children) =>
    filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  const button = (label, onclick, more = {}) =>
    element("button", {type: "button", onclick, ...more}, label);

  // What the address says after "#" or, in a link, after "?": scripts of the theme take "#" for a
  // place in the page.
  const asked = () => (location.hash || location.search).slice(1);
  const told = text => history.replaceState(null, "", `#${text}`);
  const link = text => `${location.href.replace(/[?#].*/, "")}?${text}`;

  // Whether the text is in the clipboard now: pages may be forbidden to write there.
  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  }

  // Copies a text and says so; it stands in the code block where it can't be copied, or is wanted.
  const copier = (said, code) => async (text, what, shown = true) => {
    code.textContent = text;
    const done = await copied(text);
    code.hidden = done && !shown;
    said.textContent = done ? `${what} is in the clipboard.`
      : `${what} stands below; this page may not write into the clipboard.`;
  };

  // A file with a text in it, made here.
  function saved(name, text) {
    const address = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
    element("a", {href: address, download: name}).click();
    URL.revokeObjectURL(address);
  }

  return {element, shape, button, asked, told, link, copied, copier, saved};
})();
