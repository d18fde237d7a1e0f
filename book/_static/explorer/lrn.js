// Local response normalisation of eight channels at one place: what each constant does.
//
// Every <div class="what-if lrn-row"> of the page becomes one.

"use strict";

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".lrn-row").forEach(startResponses);
});

// Of each channel: the window's first and last one, its sum of squares, the divisor, what comes out.
function responses(row, {n, k, alpha, beta}) {
  const reach = Math.floor(n / 2);
  return row.map((value, i) => {
    const [first, last] = [Math.max(0, i - reach), Math.min(row.length - 1, i + reach)];
    const sum = row.slice(first, last + 1).reduce((total, each) => total + each ** 2, 0);
    const divisor = (k + alpha * sum) ** beta;
    return {first, last, sum, divisor, after: value / divisor};
  });
}

function startResponses(home) {
  const {element, button} = inPage;
  const {slider, bar, figure, bars} = controls;
  const ALPHAS = [0, ...[-5, -4, -3, -2, -1].flatMap(e => [1, 2, 4].map(x => Number(`${x}e${e}`))),
    1, 2, 4];
  const USUAL = {n: 5, k: 2, beta: 0.75, factor: 1};
  const SQUEEZED = [0.3, 0, 0.2, 1, 0.3, 0, 0, 0.3];
  const STARTS = [
    ["α = 0.4, times 1", {...USUAL, alpha: 0.4, row: SQUEEZED, channel: 3}],
    ["times 4", {...USUAL, alpha: 0.4, row: SQUEEZED, factor: 4, channel: 3}],
    ["times 16", {...USUAL, alpha: 0.4, row: SQUEEZED, factor: 16, channel: 3}],
    ["By hand, α = 1", {...USUAL, alpha: 1, row: [1, 0, 0, 4, 1, 0, 0, 1], channel: 4}],
    ["PyTorch's k = 1", {...USUAL, alpha: 0.4, k: 1, row: SQUEEZED, channel: 3}],
  ];
  let state = STARTS[0][1];

  const set = change => { state = {...state, ...change}; show(); };
  const starts = STARTS.map(([label, start]) => button(label, () => set(start)));
  const sliders = {
    alpha: slider("α", {min: 0, max: ALPHAS.length - 1, words: i => String(ALPHAS[i])},
      i => set({alpha: ALPHAS[i]})),
    k: slider("k", {min: 0.5, max: 5, step: 0.5}, k => set({k})),
    n: slider("n", {min: 1, max: 15, step: 2}, n => set({n})),
    beta: slider("β", {min: 0, max: 1.5, step: 0.05}, beta => set({beta})),
    factor: slider("all values times", {min: 1, max: 32}, factor => set({factor})),
    channel: slider("channel", {min: 0, max: 7}, channel => set({channel})),
  };
  const inputs = STARTS[0][1].row.map((_, i) => element("input", {
    type: "number", min: 0, max: 100, step: "any", "aria-label": `value of channel ${i}`,
    oninput: ({target}) => set({row: state.row.with(i, Number(target.value))}),
  }));
  const cells = inputs.map(() => [1, 2, 3].map(() => element("td")));
  const charts = element("div", {class: "control-figures"});
  const said = element("p", {role: "status"});
  home.replaceChildren(
    bar(...starts),
    element("div", {class: "control-sliders"}, ...Object.values(sliders).map(made => made.home)),
    said, charts,
    element("details", {}, element("summary", {}, "The eight values, to be changed"),
      element("table", {class: "control-table"},
        element("thead", {}, element("tr", {}, ...["channel", "value", "Σ a²", "divided by",
          "after"].map(text => element("th", {scope: "col"}, text)))),
        element("tbody", {}, ...inputs.map((input, i) => element("tr", {},
          element("th", {scope: "row"}, String(i)), element("td", {}, input), ...cells[i]))))));
  show();

  function problem(row) {
    const wrong = row.findIndex(value => !(value >= 0 && value <= 100));
    return wrong < 0 ? "" : `Channel ${wrong} holds ${row[wrong]}; after a ReLU it is at least 0, ` +
      "and this page takes at most 100.";
  }

  function show() {
    const {row, factor, channel, alpha, k, beta} = state;
    const places = {...state, alpha: ALPHAS.indexOf(alpha)};
    for (const [name, {put}] of Object.entries(sliders)) put(places[name]);
    inputs.forEach((input, i) => {
      if (input.value === "" || Number(input.value) !== row[i]) input.value = row[i];
    });
    const wrong = problem(row);
    said.textContent = wrong;
    charts.hidden = Boolean(wrong);
    if (wrong) return;
    const before = row.map(value => Number((value * factor).toPrecision(12)));
    const found = responses(before, state);
    found.forEach(({sum, divisor, after}, i) => {
      const texts = [sum, divisor, after].map(value => String(Number(value.toFixed(4))));
      cells[i].forEach((cell, j) => { cell.textContent = texts[j]; });
    });
    const {first, last, divisor, after} = found[channel];
    const squares = before.slice(first, last + 1).map(value => `${value}²`).join(" + ");
    said.textContent = `Channel ${channel}: ${before[channel]} / (${k} + ${alpha} · (${squares}))` +
      `^${beta} = ${before[channel]} / ${divisor.toFixed(2)} = ${after.toFixed(2)}.`;
    charts.replaceChildren(...[["Before", before], ["After", found.map(each => each.after)]]
      .map(([when, values]) => figure(`${when} LRN. In colour: the window of channel ${channel}.`, bars({
        label: `${when} LRN: ${values.map(value => value.toFixed(2)).join(", ")}`,
        below: "channel", above: when.toLowerCase(), names: values.map((_, i) => i), values,
        kinds: values.map((_, i) => (i === channel ? "control-chosen"
          : first <= i && i <= last ? "control-within" : "control-outside")),
      }))));
  }
}
