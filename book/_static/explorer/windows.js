// A window that walks along one row of pixels: where it stops, what hangs over, what is left over.
//
// Every <div class="window-walk"> of the page becomes one.

"use strict";

addEventListener("DOMContentLoaded", () => {
  const {windowPositions} = layerRules({});
  document.querySelectorAll(".window-walk").forEach(home => startWalk(home, windowPositions));
});

const WALKS = [
  ["7 pixels, window 3, stride 2", [7, 3, 2, 0, "floor"]],
  ["8 pixels", [8, 3, 2, 0, "floor"]],
  ["8 pixels, rounded up", [8, 3, 2, 0, "ceil"]],
  ["conv1 on 227", [227, 11, 4, 0, "floor"]],
  ["conv1 on 224", [224, 11, 4, 0, "floor"]],
  ["224, padding 2", [224, 11, 4, 2, "floor"]],
  ["224, rounded up", [224, 11, 4, 0, "ceil"]],
];

function startWalk(home, windowPositions) {
  const {element, shape, button} = inPage;
  const FIELDS = ["pixels", "window", "stride", "padding"];
  const LARGEST = 512;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let walk = WALKS[0][1];
  let at = 0;
  let timer = null;

  const presets = WALKS.map(([label, numbers]) => button(label, () => {
    stop();
    walk = [...numbers];
    at = 0;
    show();
  }));
  const inputs = FIELDS.map((name, i) => element("input", {
    type: "number", min: i === 3 ? 0 : 1, max: LARGEST, step: 1, "aria-label": name,
    oninput: ({target}) => { stop(); walk = walk.with(i, Number(target.value)); at = 0; show(); },
  }));
  const rounding = element("select", {
    "aria-label": "rounding",
    onchange: ({target}) => { walk = walk.with(4, target.value); at = 0; show(); },
  }, ...["floor", "ceil"].map(value => element("option", {value}, value)));
  const slider = element("input", {
    type: "range", min: 1, step: 1, "aria-label": "which place of the window",
    oninput: ({target}) => { stop(); at = Number(target.value) - 1; show(); },
  });
  const play = button("Walk", toggle);
  const picture = element("div", {class: "walk-picture"});
  const said = element("p", {class: "walk-said", role: "status"});
  const sum = element("p", {class: "walk-sum"});
  home.replaceChildren(
    element("div", {class: "explorer-bar"}, ...presets),
    element("div", {class: "explorer-bar"},
      ...inputs.map((input, i) => element("label", {}, FIELDS[i], input)),
      element("label", {}, "rounding", rounding)),
    picture,
    element("div", {class: "explorer-bar"}, play, slider), said, sum);
  show();

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Walk";
  }

  function toggle() {
    if (timer) return stop();
    const places = windowPositions(...walk);
    if (at >= places - 1) at = -1;
    if (still) { at += 1; return show(); }
    play.textContent = "Stop";
    timer = setInterval(() => {
      at += 1;
      show();
      if (at >= windowPositions(...walk) - 1) stop();
    }, Math.max(60, 4000 / places));
  }

  function problem([size, kernel, stride, padding]) {
    const whole = n => Number.isInteger(n) && n <= LARGEST;
    if (![size, kernel, stride].every(n => whole(n) && n >= 1) || !(whole(padding) && padding >= 0)) {
      return `Whole numbers please: at least 1, of padding at least 0, and at most ${LARGEST}.`;
    }
    if (kernel > size + 2 * padding) {
      return `The window of ${kernel} is larger than the padded row: ${size} + 2·${padding} = ` +
        `${size + 2 * padding}.`;
    }
    return "";
  }

  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  function show() {
    const [size, kernel, stride, padding, rule] = walk;
    inputs.forEach((input, i) => {
      if (Number(input.value) !== walk[i] || input.value === "") input.value = walk[i];
    });
    rounding.value = rule;
    const wrong = problem(walk);
    said.textContent = wrong;
    play.disabled = slider.disabled = Boolean(wrong);
    if (wrong) {
      stop();
      picture.replaceChildren();
      sum.textContent = "";
      return;
    }
    const places = windowPositions(size, kernel, stride, padding, rule);
    at = Math.min(at, places - 1);
    slider.max = places;
    slider.value = at + 1;
    const first = Math.max(0, at) * stride - padding;
    const end = (places - 1) * stride - padding + kernel; // of the last window
    const over = Math.max(0, end - size - padding);
    const left = Math.max(0, size - end);
    picture.replaceChildren(draw(first, end, over, left));
    const seen = [Math.max(0, first), Math.min(size, first + kernel) - 1];
    const beside = kernel - Math.max(0, seen[1] - seen[0] + 1);
    said.textContent = `Place ${Math.max(0, at) + 1} of ${places}: pixels ${seen[0]} to ${seen[1]}` +
      (beside ? `, and ${many(beside, "zero")} beside the row.` : ".");
    const span = size + 2 * padding - kernel;
    const sign = rule === "ceil" ? "⌈⌉" : "⌊⌋";
    sum.textContent = `${sign[0]}(${size} + 2·${padding} − ${kernel}) / ${stride}${sign[1]} + 1 = ` +
      `${sign[0]}${Number((span / stride).toFixed(2))}${sign[1]} + 1 = ${places} places; ` +
      (left ? `${many(left, "pixel")} at the end left over.`
        : over ? `the last window hangs over by ${many(over, "pixel")}.`
          : "nothing left over, and nothing hangs over.");
  }

  function draw(first, end, over, left) {
    const [size, kernel, , padding] = walk;
    const start = -padding;
    const stopAt = Math.max(size + padding, end);
    const cells = stopAt - start;
    const unit = Math.max(3, Math.min(40, 640 / cells));
    const high = Math.max(18, Math.min(40, unit));
    const x = pixel => (pixel - start) * unit;
    const svg = shape("svg", {
      viewBox: `0 0 ${cells * unit} ${high + 26}`, role: "img", width: cells * unit,
      "aria-label": `A row of ${size} pixels and a window of ${kernel}`,
    });
    const parts = [[start, 0, "walk-padding"], [0, size - left, "walk-pixel"],
      [size - left, size, "walk-left"], [size, size + padding, "walk-padding"],
      [size + padding, stopAt, "walk-over"]];
    for (const [from, to, kind] of parts) {
      for (let pixel = from; pixel < to; pixel += 1) {
        const gap = unit > 8 ? 1 : 0;
        svg.append(shape("rect", {
          x: x(pixel), y: 13, width: unit - gap, height: high, class: kind,
        }));
        if (unit > 18 && kind !== "walk-over") {
          svg.append(shape("text", {
            x: x(pixel) + unit / 2, y: 13 + high / 2 + 4, "text-anchor": "middle",
          }, kind === "walk-padding" ? "0" : String(pixel)));
        }
      }
    }
    svg.append(shape("rect", {
      x: x(first), y: 4, width: kernel * unit, height: high + 18, class: "walk-window",
    }));
    return svg;
  }
}
