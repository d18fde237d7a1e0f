// The layer explorer: a network that its reader edits, and all that follows from it, at once.
//
// startExplorer({schema, networks, first})

"use strict";

function startExplorer({schema, networks, first}) {
  const {element, shape, button} = inPage;
  const rules = layerRules(schema);
  const texts = layerTexts(schema, networks, rules);
  const home = document.getElementById("explorer");
  const STEPS = 200; // that can be undone
  const LARGEST = 10_000; // pixels: each row of the image is followed through the layers

  const undone = [];
  const done = [];

  const asked = () => texts.fromAddress(inPage.asked());
  let network = texts.plain(asked() ?? structuredClone(networks[first]));

  const count = new Intl.NumberFormat("en-GB");
  const written = value => (value === null || value === undefined ? "–" : count.format(value));
  const words = name => name.replaceAll("_", " ");

  // The parts of the explorer that stay; what is in them is made anew after each change.

  const said = element("p", {class: "explorer-said", role: "status"});
  const wrong = element("p", {class: "explorer-wrong", role: "alert"});
  const drawing = element("div", {class: "explorer-drawing"});
  const sums = element("dl", {class: "explorer-sums"});
  const rows = element("ol", {class: "explorer-layers"});
  const chosen = element("select", {id: "explorer-network", onchange: choose});
  for (const name of Object.keys(networks)) {
    chosen.append(element("option", {value: name}, name));
  }
  const sides = ["channels", "height", "width"].map((side, i) => element("label", {},
    side, element("input", {
      type: "number", min: 1, step: 1, inputmode: "numeric",
      oninput: event => change(made => { made.input_shape[i] = number(event.target); }, side),
    })));
  const undo = button("Undo", () => step(done, undone));
  const redo = button("Redo", () => step(undone, done));
  const code = element("pre", {class: "explorer-code", tabindex: 0, hidden: true});

  home.replaceChildren(
    element("div", {class: "explorer-bar"},
      element("label", {for: "explorer-network"}, "Network"), chosen,
      undo, redo, button("Reset", reset)),
    element("fieldset", {class: "explorer-input"}, element("legend", {}, "Input"), ...sides),
    wrong, drawing, sums, rows,
    element("div", {class: "explorer-bar"},
      button("Copy link", () => copy(inPage.link(texts.toAddress(network)), "The link", false)),
      button("Copy as Python", () => guarded(() => copy(texts.asPython(network), "The code"))),
      button("Copy as nn.Sequential", () => guarded(copySequential)),
      button("Copy as CSV", () => guarded(() => copy(texts.asCsv(network), "The table")))),
    said, code);

  // Changes.

  const number = input => (input.value === "" ? null : Number(input.value));

  let lately = null; // what was changed last: one number typed digit by digit is one step

  function change(edit, what = null) {
    const before = network;
    const made = structuredClone(network);
    network = texts.plain(edit(made) ?? made);
    if (!what || what !== lately) {
      done.push(before);
      if (done.length > STEPS) done.shift();
    }
    lately = what;
    undone.length = 0;
    show();
  }

  function step(from, to) {
    if (!from.length) return;
    to.push(network);
    network = from.pop();
    lately = null;
    show();
  }

  function choose() {
    change(() => structuredClone(networks[chosen.value]));
  }

  function reset() {
    change(() => structuredClone(networks[network.name] ?? networks[first]));
  }

  function move(place, by) {
    change(({layers}) => { layers.splice(place + by, 0, ...layers.splice(place, 1)); });
    const button = rows.children[place + by]?.querySelector(by < 0 ? ".up" : ".down");
    (button?.disabled ? button.parentNode.querySelector("button:not(:disabled)") : button)?.focus();
  }

  function remove(place) {
    change(({layers}) => { layers.splice(place, 1); });
    rows.children[Math.min(place, rows.children.length - 1)]?.querySelector("button")?.focus();
  }

  const USUAL = {out_channels: 96, kernel: 3, stride: 2, size: 5, out_features: 1000, function: "tanh"};

  function add(place, type) {
    const names = new Set(network.layers.map(layer => layer.name));
    const word = schema.layers[type].kind;
    const free = [...Array(names.size + 1).keys()].map(i => `${word}_${i + 1}`)
      .find(name => !names.has(name));
    const layer = {type, name: free};
    for (const {name, usual} of rules.fieldsOf(type)) {
      if (usual === undefined) layer[name] = USUAL[name];
    }
    change(({layers}) => { layers.splice(place, 0, layer); });
    rows.children[place]?.querySelector("input, select, button")?.focus();
  }

  // What is shown.

  function attempt() {
    if (!network.input_shape.some(side => side > LARGEST)) return rules.attempt(network);
    const message = `input_shape is ${rules.repr(network.input_shape)}; this page takes sides of ` +
      `at most ${LARGEST}`;
    return {rows: [], error: new Error(message)};
  }

  function show() {
    const {rows: made, error} = attempt();
    inPage.told(texts.toAddress(network));
    chosen.value = network.name;
    sides.forEach((label, i) => put(label.querySelector("input"), network.input_shape[i]));
    undo.disabled = !done.length;
    redo.disabled = !undone.length;
    wrong.textContent = error ? error.message : "";
    wrong.hidden = !error;
    showLayers(new Map(made.map(row => [row.name, row])), error?.layer);
    showSums(error ? null : rules.table(network).at(-1));
    drawing.replaceChildren(...(made.length ? [draw(made)] : []));
    code.hidden = true;
  }

  function put(input, value) {
    if (input === document.activeElement && number(input) === value) return;
    input.value = value ?? "";
  }

  function showSums(total) {
    const shown = [
      ["parameters", total?.parameters],
      ["multiply-adds for an image", total?.multiply_adds],
      ["neurons", total?.neurons],
      ["memory of what layers put out, as float32", total && bytes(total.activation_bytes)],
    ];
    sums.replaceChildren(...shown.map(([name, value]) => element("div", {},
      element("dt", {}, name),
      element("dd", {}, typeof value === "string" ? value : written(value)))));
  }

  function bytes(value) {
    const steps = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];
    const [unit, name] = steps.find(([unit]) => value >= unit) ?? [1, "bytes"];
    return `${count.format(Number((value / unit).toPrecision(3)))} ${name}`;
  }

  // A layer's item is kept as long as the layer is, so that what is typed in keeps the focus.

  function showLayers(made, failed) {
    const before = new Map([...rows.children].map(item => [item.dataset.key, item]));
    const items = network.layers.map((layer, place) => {
      const key = `${layer.type} ${layer.name}`;
      const item = before.get(key) ?? itemOf(layer);
      item.dataset.key = key;
      update(item, layer, place, made, failed);
      return item;
    });
    const focused = document.activeElement;
    if (items.length !== rows.children.length || items.some((item, i) => item !== rows.children[i])) {
      rows.replaceChildren(...items);
      if (rows.contains(focused)) focused.focus();
    }
  }

  const placeOf = item => [...rows.children].indexOf(item);

  function itemOf(layer) {
    const item = element("li");
    const fields = rules.fieldsOf(layer.type).map(field => control(item, layer, field));
    const kinds = element("select", {
      "aria-label": `add a layer after ${layer.name}`,
      onchange: event => { add(placeOf(item) + 1, event.target.value); event.target.value = ""; },
    }, element("option", {value: ""}, "+"), ...Object.entries(schema.layers)
      .filter(([type]) => !["Residual", "Parallel"].includes(type))
      .map(([type]) => element("option", {value: type}, type)));
    item.append(
      element("div", {class: "explorer-name"}, element("b", {}, layer.name),
        element("span", {}, layer.type)),
      element("div", {class: "explorer-fields"}, ...fields, ...inside(layer)),
      element("dl", {class: "explorer-made"}),
      element("div", {class: "explorer-tools"},
        button("↑", () => move(placeOf(item), -1), {class: "up", "aria-label": `move ${layer.name} up`}),
        button("↓", () => move(placeOf(item), 1), {class: "down", "aria-label": `move ${layer.name} down`}),
        kinds,
        button("✕", () => remove(placeOf(item)), {class: "off", "aria-label": `take ${layer.name} out`})));
    return item;
  }

  function inside(layer) {
    const parts = layer.branches ?? (layer.branch ? [layer.branch, layer.shortcut ?? []] : []);
    if (!parts.length) return [];
    const list = parts.map(part => element("li", {},
      part.map(each => each.name).join(" → ") || "what comes in, as it is"));
    return [element("ul", {class: "explorer-parts"}, ...list)];
  }

  function control(item, layer, {name, words: allowed, choices, usual}) {
    const label = element("label", {title: `${words(name)}: ${allowed}`}, words(name));
    const set = read => event => change(({layers}) => {
      layers[placeOf(item)][name] = read(event.target);
    }, `${layer.name}.${name}`);
    let input;
    if (choices) {
      input = element("select", {onchange: set(({value}) => value)},
        ...choices.map(choice => element("option", {value: choice}, choice)));
    } else if (typeof usual === "boolean") {
      input = element("input", {type: "checkbox", onchange: set(({checked}) => checked)});
    } else {
      const whole = allowed.startsWith("a whole");
      input = element("input", {
        type: "number", step: whole ? 1 : "any", inputmode: whole ? "numeric" : "decimal",
        oninput: set(number),
      });
    }
    input.dataset.field = name;
    input.setAttribute("aria-label", `${words(name)} of ${layer.name}`);
    label.append(input);
    return label;
  }

  function update(item, layer, place, made, failed) {
    for (const input of item.querySelectorAll("[data-field]")) {
      const field = rules.fieldsOf(layer.type).find(({name}) => name === input.dataset.field);
      const value = layer[field.name] === undefined ? field.usual : layer[field.name];
      if (input.type === "checkbox") input.checked = value;
      else put(input, value);
    }
    const row = made.get(layer.name);
    item.classList.toggle("failed", layer.name === failed);
    const shown = row ? [
      ["makes", row.output_shape.join("×")],
      ["parameters", written(row.parameters)],
      ["multiply-adds", written(row.multiply_adds)],
      ["sees", row.receptive_field ? `${row.receptive_field} pixels` : "–"],
    ] : [["makes", "–"]];
    item.querySelector(".explorer-made").replaceChildren(...shown.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    item.querySelector(".up").disabled = place === 0;
    item.querySelector(".down").disabled = place === network.layers.length - 1;
    item.querySelector(".off").disabled = network.layers.length === 1;
  }

  // Blocks as high as the maps (by the root, so that small ones are seen), as wide as many.

  const COLOURS = {conv: "blue", local: "blue", pool: "orange", linear: "green", lrn: "pink",
    residual: "sky", parallel: "sky"};

  function draw(made) {
    const names = new Set(network.layers.map(layer => layer.name));
    const blocks = made.filter(({name, kind}) => names.has(name) && kind in COLOURS).map(row => {
      const [maps, height = 1] = row.output_shape;
      const flat = row.output_shape.length === 1;
      return {
        ...row,
        high: flat ? 12 * Math.log10(1 + maps) : 8 * Math.sqrt(height),
        wide: flat ? 6 : 4 + 6 * Math.log2(1 + maps) / 2,
      };
    });
    const tallest = Math.max(20, ...blocks.map(({high}) => high));
    let x = 0;
    const nodes = blocks.flatMap(({name, kind, high, wide, output_shape: size}) => {
      const at = x;
      x += wide + 10;
      const block = shape("rect", {
        x: at, y: (tallest - high) / 2, width: wide, height: high,
        fill: `var(--drawing-${COLOURS[kind]})`,
      });
      block.append(shape("title", {}, `${name}: ${size.join("×")}`));
      return [block];
    });
    const picture = shape("svg", {
      viewBox: `0 0 ${Math.max(x - 10, 1)} ${tallest}`, role: "img",
      "aria-label": blocks.map(({name, output_shape: size}) => `${name} ${size.join("×")}`).join(", "),
    });
    picture.append(...nodes);
    return picture;
  }

  // Copies.

  const copy = inPage.copier(said, code);

  function guarded(act) {
    if (attempt().error) said.textContent = "First mend what is wrong above.";
    else act();
  }

  function copySequential() {
    const {text, without} = texts.asSequential(network);
    if (!without.length) return copy(text, "The code");
    said.textContent = `PyTorch has no module for ${without.join(", ")}. Copy as Python, and build ` +
      "it with this course.";
  }

  show();
  window.addEventListener("hashchange", () => {
    const found = asked();
    if (found && texts.toAddress(found) !== texts.toAddress(network)) change(() => found);
  });
}
