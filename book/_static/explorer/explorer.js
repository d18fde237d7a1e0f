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
  const rows = element("ol", {class: "explorer-layers", "data-least": 1});
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

  // Of each list of layers in the page: where in a network the same list is.
  const places = new WeakMap([[rows, made => made.layers]]);
  const layersOf = (list, made) => places.get(list)(made);
  const placeOf = item => [...item.parentNode.children].indexOf(item);
  const layerOf = (item, made) => layersOf(item.parentNode, made)[placeOf(item)];
  const own = (item, what) => item.querySelector(`:scope > ${what}`); // not of a layer inside

  function move(item, by) {
    const list = item.parentNode;
    const place = placeOf(item);
    change(made => {
      const layers = layersOf(list, made);
      layers.splice(place + by, 0, ...layers.splice(place, 1));
    });
    const tools = own(list.children[place + by], ".explorer-tools");
    const button = tools.querySelector(by < 0 ? ".up" : ".down");
    (button.disabled ? tools.querySelector("button:not(:disabled)") : button)?.focus();
  }

  function remove(item) {
    const list = item.parentNode;
    const place = placeOf(item);
    change(made => { layersOf(list, made).splice(place, 1); });
    const next = list.children[Math.min(place, list.children.length - 1)];
    (next ? next.querySelector("button:not(:disabled)") : list.parentNode.querySelector("select"))?.focus();
  }

  const USUAL = {out_channels: 96, kernel: 3, stride: 2, size: 5, out_features: 1000, function: "tanh"};

  const namesIn = layers => layers.flatMap(layer =>
    [layer.name, ...namesIn(rules.partsOf(layer).flat())]);

  const INSIDE = {
    Residual: () => ({branch: [{type: "ReLU", name: "relu"}]}),
    Parallel: () => ({branches: [[], []]}),
  };

  function add(list, place, type) {
    const names = new Set(namesIn(network.layers));
    const word = schema.layers[type].kind;
    const free = [...Array(names.size + 1).keys()].map(i => `${word}_${i + 1}`)
      .find(name => !names.has(name));
    const layer = {type, name: free, ...INSIDE[type]?.()};
    for (const {name, usual} of rules.fieldsOf(type)) {
      if (usual === undefined) layer[name] = USUAL[name];
    }
    change(made => { layersOf(list, made).splice(place, 0, layer); });
    list.children[place]?.querySelector("input, select, button")?.focus();
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
    const found = {rows: new Map(made.map(row => [row.name, row])), failed: error?.layer ?? ""};
    showLayers(rows, network.layers, "", found);
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

  function showLayers(list, layers, inside, found) {
    const before = new Map([...list.children].map(item => [item.dataset.key, item]));
    const items = layers.map(layer => {
      const key = `${layer.type} ${layer.name}`;
      const item = before.get(key) ?? itemOf(layer, inside);
      item.dataset.key = key;
      return item;
    });
    const focused = document.activeElement;
    if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) {
      list.replaceChildren(...items);
      if (list.contains(focused)) focused.focus();
    }
    items.forEach((item, place) => update(item, layers, place, inside, found));
  }

  function itemOf(layer, inside) {
    const name = inside + layer.name;
    const item = element("li");
    const fields = rules.fieldsOf(layer.type).map(field => control(item, name, field));
    item.append(
      element("div", {class: "explorer-name"}, element("b", {}, layer.name),
        element("span", {}, layer.type)),
      element("div", {class: "explorer-fields"}, ...fields),
      element("dl", {class: "explorer-made"}),
      element("div", {class: "explorer-tools"},
        button("↑", () => move(item, -1), {class: "up", "aria-label": `move ${name} up`}),
        button("↓", () => move(item, 1), {class: "down", "aria-label": `move ${name} down`}),
        adder(`add a layer after ${name}`, type => add(item.parentNode, placeOf(item) + 1, type)),
        button("✕", () => remove(item), {class: "off", "aria-label": `take ${name} out`})));
    if (rules.partsOf(layer).length) item.append(partsOf(item, layer, name));
    return item;
  }

  const adder = (label, put) => element("select", {
    "aria-label": label,
    onchange: ({target}) => {
      const type = target.value;
      target.value = "";
      put(type);
    },
  }, element("option", {value: ""}, "+"),
  ...Object.keys(schema.layers).map(type => element("option", {value: type}, type)));

  // What is inside a composite: a list of layers for each part.

  function partsOf(item, layer, name) {
    const more = layer.type === "Parallel" ? [button("Add a branch", () => {
      change(made => { layerOf(item, made).branches.push([]); });
    }, {"aria-label": `add a branch to ${name}`})] : [];
    return element("details", {class: "explorer-inside"},
      element("summary"), element("div", {class: "explorer-parts"}), ...more);
  }

  function partOf(item, layer, name, i) {
    const title = layer.branches ? `branch ${i + 1}` : ["branch", "shortcut"][i];
    const list = element("ol", {class: "explorer-layers", "data-least": layer.branch && !i ? 1 : 0});
    places.set(list, made => partIn(layerOf(item, made), i));
    const off = layer.branches ? [button("✕", () => {
      change(made => { layerOf(item, made).branches.splice(i, 1); });
      own(item, "details").querySelector("summary").focus();
    }, {class: "off", "aria-label": `take ${title} of ${name} out`})] : [];
    return element("div", {role: "group", "aria-label": `${title} of ${name}`},
      element("div", {class: "explorer-part explorer-tools"}, element("b", {}, title),
        adder(`add a layer at the start of ${title} of ${name}`, type => add(list, 0, type)), ...off),
      list);
  }

  function partIn(layer, i) {
    if (layer.branches) return layer.branches[i];
    return i ? layer.shortcut ??= [] : layer.branch;
  }

  const summed = part => part.map(each => each.name).join(" → ") || "what comes in, as it is";

  function showParts(item, layer, name, found) {
    const parts = rules.partsOf(layer);
    const details = own(item, "details");
    const home = own(details, ".explorer-parts");
    own(details, "summary").textContent = `Inside: ${parts.map(summed).join(" | ")}`;
    if (found.failed.startsWith(`${name}.`)) details.open = true;
    while (home.children.length > parts.length) home.lastChild.remove();
    parts.forEach((layers, i) => {
      if (!home.children[i]) home.append(partOf(item, layer, name, i));
      showLayers(own(home.children[i], "ol"), layers, `${name}.`, found);
      const off = own(home.children[i], ".explorer-part").querySelector(".off");
      if (off) off.disabled = parts.length <= 2;
    });
  }

  function control(item, of, {name, words: allowed, choices, usual}) {
    const label = element("label", {title: `${words(name)}: ${allowed}`}, words(name));
    const set = read => event => change(made => {
      layerOf(item, made)[name] = read(event.target);
    }, `${of}.${name}`);
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
    input.setAttribute("aria-label", `${words(name)} of ${of}`);
    label.append(input);
    return label;
  }

  function update(item, layers, place, inside, found) {
    const layer = layers[place];
    const name = inside + layer.name;
    for (const input of own(item, ".explorer-fields").querySelectorAll("[data-field]")) {
      const field = rules.fieldsOf(layer.type).find(each => each.name === input.dataset.field);
      const value = layer[field.name] === undefined ? field.usual : layer[field.name];
      if (input.type === "checkbox") input.checked = value;
      else put(input, value);
    }
    const row = found.rows.get(name);
    item.classList.toggle("failed", name === found.failed);
    const shown = row ? [
      ["makes", row.output_shape.join("×")],
      ["parameters", written(row.parameters)],
      ["multiply-adds", written(row.multiply_adds)],
      ["sees", row.receptive_field ? `${row.receptive_field} pixels` : "–"],
    ] : [["makes", "–"]];
    own(item, ".explorer-made").replaceChildren(...shown.map(([title, value]) =>
      element("div", {}, element("dt", {}, title), element("dd", {}, value))));
    const tools = own(item, ".explorer-tools");
    tools.querySelector(".up").disabled = place === 0;
    tools.querySelector(".down").disabled = place === layers.length - 1;
    const least = Number(item.parentNode.dataset.least);
    tools.querySelector(".off").disabled = layers.length <= least;
    if (own(item, "details")) showParts(item, layer, name, found);
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
