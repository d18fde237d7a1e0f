// A trained network in the page: a picture, what the network takes it for, what covering a part
// changes, and what each layer makes of it.
//
// startTrying({network, samples})

"use strict";

function startTrying({network, samples}) {
  const {element, button} = inPage;
  const pass = forwardPass(layerRules({}).windowPositions);
  const layers = network.layers.map(pass.decoded);
  const shown = layers.filter(({type}) => !["Flatten", "Dropout"].includes(type));
  const [, HEIGHT, WIDTH] = network.input_shape;
  const STORED = 32; // pixels of a side that its training images had; it sees their middle
  const SIDES = [3, 5, 7, 9, 11, 13]; // of the square that covers
  const STEP = 2; // pixels between the places of a sweep
  const [home, inside] = ["try", "try-layers"].map(id => document.getElementById(id));

  const state = {
    picture: samples[0].name, crop: {size: 100, across: 50, down: 50},
    cover: null, layer: shown[0].name, map: 1, at: null,
  };
  let usual = {row: HEIGHT / 2, column: WIDTH / 2, side: 7}; // where the square was last
  let source = null; // a canvas
  let image = null; // what the network sees of it, scaled
  let made = []; // by each layer, of what is covered if something is

  // The address.

  function read(text) {
    const given = new URLSearchParams(text);
    const numbers = (key, ...ranges) => {
      const found = given.get(key)?.split(".").map(Number) ?? [];
      const fit = found.length === ranges.length &&
        found.every((n, i) => Number.isInteger(n) && n >= ranges[i][0] && n <= ranges[i][1]);
      return fit ? found : null;
    };
    const cover = numbers("cover", [0, HEIGHT - 1], [0, WIDTH - 1], [3, 13]);
    const layer = shown.find(({name}) => name === given.get("layer"));
    return {
      picture: samples.find(({name}) => name === given.get("picture"))?.name ?? samples[0].name,
      cover: cover && SIDES.includes(cover[2])
        ? {row: cover[0], column: cover[1], side: cover[2]} : null,
      layer: layer?.name ?? shown[0].name,
      map: numbers("map", [1, 10_000])?.[0] ?? 1,
      at: numbers("at", [0, HEIGHT - 1], [0, WIDTH - 1]),
    };
  }

  function written() {
    const {picture, cover, layer, map, at} = state;
    return [
      picture && `picture=${picture}`,
      cover && `cover=${cover.row}.${cover.column}.${cover.side}`,
      (layer !== shown[0].name || map !== 1 || at) && `layer=${layer}`,
      map !== 1 && `map=${map}`,
      at && `at=${at.join(".")}`,
    ].filter(Boolean).join("&");
  }

  // The picture and its square.

  const sources = pictureSources(samples, take);
  const view = element("canvas", {class: "try-source held", role: "img",
    "aria-label": "The picture, with the square that is taken of it"});
  const sliders = [["size", "Size", 10], ["across", "Across", 0], ["down", "Down", 0]].map(
    ([key, label, min]) => element("label", {}, label, element("input", {
      type: "range", min, max: 100, value: state.crop[key], "data-key": key,
      oninput: ({target}) => { state.crop[key] = Number(target.value); look(); },
    })));
  const cropping = element("div", {class: "try-panel", hidden: true},
    element("p", {class: "try-caption"}, "The square that is taken of it: drag it, or use the " +
      "sliders. The network sees what is inside the inner line."),
    view, element("div", {class: "explorer-bar"}, ...sliders));

  let live = false; // a picture that moves is not read out

  function take(canvas, {name, again, moving}) {
    source = canvas;
    live = moving;
    if (!again) Object.assign(state.crop, {size: 100, across: 50, down: 50});
    if (!again && (name === null || name !== state.picture)) state.cover = null;
    state.picture = name;
    cropping.hidden = Boolean(name) || canvas.classList.contains("try-paper");
    if (image) later(look);
    else look();
  }

  // The square in pixels of the source.
  function crop() {
    const {size, across, down} = state.crop;
    const {width, height} = source;
    const side = Math.max(1, Math.min(width, height) * size / 100);
    return {left: (width - side) * across / 100, top: (height - side) * down / 100, side};
  }

  function look() {
    const {width, height} = source;
    const {data} = source.getContext("2d").getImageData(0, 0, width, height);
    image = pass.prepared(pass.shrunk(data, width, height, crop(), STORED), STORED, network);
    if (!cropping.hidden) showCrop();
    stopSweep();
    forget();
    answer();
  }

  function showCrop() {
    const scale = Math.min(1, 480 / Math.max(source.width, source.height));
    view.width = Math.max(1, source.width * scale);
    view.height = Math.max(1, source.height * scale);
    const brush = view.getContext("2d");
    brush.drawImage(source, 0, 0, view.width, view.height);
    const {left, top, side} = crop();
    const edge = side * (STORED - WIDTH) / 2 / STORED;
    for (const [colour, width] of [["black", 4], ["white", 2]]) {
      brush.strokeStyle = colour;
      brush.lineWidth = width;
      for (const inner of [0, edge]) {
        const length = (side - 2 * inner) * scale - 2;
        brush.strokeRect((left + inner) * scale + 1, (top + inner) * scale + 1, length, length);
      }
    }
    sliders.forEach(label => {
      const input = label.querySelector("input");
      input.value = state.crop[input.dataset.key];
    });
  }

  dragged(view, ({x, y}) => {
    const {side} = crop();
    const share = (place, length) => Math.max(0, Math.min(100,
      100 * (place * length - side / 2) / Math.max(1e-9, length - side)));
    state.crop.across = share(x, source.width);
    state.crop.down = share(y, source.height);
    look();
  });

  // Calls `move` with the place of a pointer that is down, in parts of the canvas, and at most once
  // for each picture that the screen shows. A finger that may be about to scroll has to tap first.
  function dragged(canvas, move) {
    const follow = event => {
      const box = canvas.getBoundingClientRect();
      const inside = value => Math.max(0, Math.min(0.9999, value));
      const x = inside((event.clientX - box.left) / box.width);
      const y = inside((event.clientY - box.top) / box.height);
      later(() => move({x, y}));
    };
    canvas.addEventListener("click", follow);
    canvas.addEventListener("pointerdown", event => {
      if (event.pointerType === "touch" && !canvas.classList.contains("held")) return;
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", event => {
      if (event.buttons && canvas.hasPointerCapture(event.pointerId)) follow(event);
    });
  }

  let waiting = null;

  function later(act) {
    if (!waiting) requestAnimationFrame(() => { const next = waiting; waiting = null; next(); });
    waiting = act;
  }

  // The answer.

  const seen = element("canvas", {class: "try-seen", width: WIDTH, height: HEIGHT, role: "img"});
  const guesses = element("tbody");
  const said = element("p", {class: "try-said", role: "status"});
  const percent = share => `${(100 * share).toFixed(1)} %`;

  function ranked(logits) {
    return pass.probabilities(logits).map((share, i) => ({name: network.classes[i], label: i, share}))
      .sort((a, b) => b.share - a.share);
  }

  const logits = of => pass.run(layers, of).at(-1).values;

  function answer() {
    const {cover} = state;
    const given = cover ? pass.covered(image, cover.row, cover.column, cover.side) : image;
    made = pass.run(layers, given);
    const [best, second, ...rest] = ranked(made.at(-1).values);
    paint(seen, given);
    seen.setAttribute("aria-label", `What the network sees: ${WIDTH} × ${HEIGHT} pixels of ` +
      `${named()}${cover ? ", a part covered" : ""}`);
    guesses.replaceChildren(...[best, second, ...rest.slice(0, 3)].map(({name, share}) =>
      element("tr", {}, element("th", {scope: "row"}, name), element("td", {}, element("span", {
        class: "try-bar", style: `width: ${Math.max(0.5, 60 * share).toFixed(1)}%`,
      }), percent(share)))));
    if (!live) {
      said.textContent = `${cover ? "With the part covered: " : ""}${best.name}, by ` +
        `${percent(best.share)}; then ${second.name}, ${percent(second.share)}.`;
    }
    showCover();
    showLayer();
    inPage.told(written());
  }

  const named = () => samples.find(({name}) => name === state.picture)?.label ?? "your picture";

  function paint(canvas, {shape: [, height, width], values}) {
    const area = height * width;
    const pixels = new ImageData(width, height);
    for (let i = 0; i < area; i += 1) {
      for (let c = 0; c < 3; c += 1) {
        const value = values[c * area + i] * network.divisor[c] + network.mean[c];
        pixels.data[4 * i + c] = 255 * value;
      }
      pixels.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  // Covering.

  const covering = element("input", {
    type: "checkbox", id: "try-covering",
    onchange: ({target}) => { cover(target.checked ? usual : null); },
  });
  const places = [["row", "Down", HEIGHT], ["column", "Across", WIDTH]].map(([key, label, length]) =>
    element("label", {}, label, element("input", {
      type: "range", min: 0, max: length - 1, "data-key": key,
      oninput: ({target}) => cover({...usual, [key]: Number(target.value)}),
    })));
  const wide = element("select", {
    "aria-label": "Size of the square",
    onchange: ({target}) => cover({...usual, side: Number(target.value)}),
  }, ...SIDES.map(side => element("option", {value: side}, `${side} × ${side}`)));
  const sweeping = button("Sweep it over the picture", () => (sweepOf ? stopSweep() : sweep()));
  const progress = element("progress", {max: 1, value: 0, hidden: true, "aria-label": "The sweep"});
  const heat = element("canvas", {
    class: "try-seen", width: Math.ceil(WIDTH / STEP), height: Math.ceil(HEIGHT / STEP), role: "img",
    "aria-label": "What is left of the best guess with each place covered: the darker, the less",
  });
  const weakest = element("p", {class: "try-caption", role: "status"});
  const swept = element("figure", {class: "try-figure", hidden: true}, heat);

  function cover(square) {
    state.cover = square && {...square};
    if (square) usual = {...square};
    answer();
  }

  function showCover() {
    covering.checked = Boolean(state.cover);
    places.forEach(label => {
      const input = label.querySelector("input");
      input.value = usual[input.dataset.key];
    });
    wide.value = usual.side;
    seen.classList.toggle("held", Boolean(state.cover));
  }

  dragged(seen, ({x, y}) => {
    cover({...usual, row: Math.floor(y * HEIGHT), column: Math.floor(x * WIDTH)});
  });

  // The square at every second pixel, one after another, and the page stays awake meanwhile.

  let sweepOf = null;

  function sweep() {
    const [best] = ranked(logits(image));
    const {side} = usual;
    const [rows, columns] = [heat.height, heat.width];
    const left = []; // log-odds that are left of the best guess, by place
    const mine = sweepOf = {};
    swept.hidden = progress.hidden = false;
    sweeping.textContent = "Stop";
    weakest.textContent = "";
    const go = () => {
      if (sweepOf !== mine) return;
      const until = performance.now() + 15;
      do {
        const [row, column] = [Math.floor(left.length / columns), left.length % columns];
        const given = pass.covered(image, STEP * row, STEP * column, side);
        left.push(pass.logOdds(logits(given), best.label));
      } while (left.length < rows * columns && performance.now() < until);
      progress.value = left.length / (rows * columns);
      paintHeat(left);
      if (left.length < rows * columns) return void setTimeout(go);
      stopSweep();
      tell(left, best, side);
    };
    go();
  }

  function paintHeat(left) {
    const low = Math.min(...left);
    const high = Math.max(...left);
    const pixels = new ImageData(heat.width, heat.height);
    left.forEach((value, i) => {
      pixels.data.fill(high > low ? 255 * (value - low) / (high - low) : 255, 4 * i, 4 * i + 3);
      pixels.data[4 * i + 3] = 255;
    });
    heat.getContext("2d").putImageData(pixels, 0, 0);
  }

  function tell(left, best, side) {
    const least = left.indexOf(Math.min(...left));
    const [row, column] = [STEP * Math.floor(least / heat.width), STEP * (least % heat.width)];
    const share = 1 / (1 + Math.exp(-left[least]));
    weakest.replaceChildren(
      `Dark: covered there, little is left of ${best.name}. Least at row ${row}, column ` +
      `${column}: ${percent(share)} in place of ${percent(best.share)}. `,
      button("Put the square there", () => cover({row, column, side})));
  }

  function stopSweep() {
    sweepOf = null;
    progress.hidden = true;
    sweeping.textContent = "Sweep it over the picture";
  }

  // A sweep belongs to a picture.
  function forget() {
    swept.hidden = true;
    weakest.textContent = "";
  }

  // Layer by layer.

  const chosen = element("select", {
    id: "try-layer", onchange: ({target}) => open(target.value),
  }, ...shown.map(({name}) => element("option", {value: name}, name)));
  const [back, on] = [["←", "the layer before", -1], ["→", "the next layer", 1]].map(
    ([sign, label, step]) => button(sign, () => open(shown[place() + step].name),
      {"aria-label": label}));
  const about = element("p", {class: "try-caption"});
  const all = element("canvas", {class: "try-maps", role: "img"});
  const kernels = element("figure", {class: "try-figure"});
  const pixel = [["map", "Map"], ["row", "Row"], ["column", "Column"]].map(([key, label]) =>
    element("label", {}, element("span", {}, label), element("input", {
      type: "number", min: key === "map" ? 1 : 0, step: 1, inputmode: "numeric", "data-key": key,
      oninput: ({target}) => { if (target.value !== "") point({[key]: Number(target.value)}); },
    })));
  const large = element("div", {class: "try-large"});
  const value = element("p", {class: "try-caption", "aria-live": "off"});
  const sum = element("div", {class: "try-sum"});

  const place = () => shown.findIndex(({name}) => name === state.layer);

  function open(name) {
    state.layer = name;
    showLayer();
    inPage.told(written());
  }

  function outputOf(name) {
    const number = made.findIndex(each => each.name === name);
    const {shape, values} = made[number];
    const before = number ? made[number - 1] : null;
    return {maps: {shape: shape.length === 3 ? shape : [...shape, 1, 1], values}, before};
  }

  // The pixel that is looked at: the middle one, as long as none is chosen.
  const pixelOf = ([, height, width]) => state.at ?? [height >> 1, width >> 1];

  function point({map = state.map, row, column}) {
    const {maps: {shape}} = outputOf(state.layer);
    const [channels, height, width] = shape;
    const now = pixelOf(shape);
    const within = (n, low, high) => Math.max(low, Math.min(high, Math.round(n) || low));
    state.map = within(map, 1, channels);
    state.at = height * width === 1 ? null : [within(row ?? now[0], 0, height - 1),
      within(column ?? now[1], 0, width - 1)];
    showLayer();
    inPage.told(written());
  }

  const SAYS = {
    Conv: "A convolution: each map is one kernel's answer at every place.",
    ReLU: "What is below 0 becomes 0.",
    LRN: "Each value is divided by more, the larger its neighbours in the maps beside it are.",
    Pool: "Of each window the largest value is kept.",
    Linear: "Fully connected: each value is a weighted sum of all that comes in.",
  };

  const number = value => (value ? value.toPrecision(3).replace("-", "−") : "0");

  function showLayer() {
    const layer = shown[place()];
    const {maps, before} = outputOf(layer.name);
    const [channels, height, width] = maps.shape;
    state.map = Math.min(state.map, channels);
    if (height * width === 1) state.at = null;
    else if (state.at) state.at = [Math.min(state.at[0], height - 1), Math.min(state.at[1], width - 1)];
    chosen.value = layer.name;
    back.disabled = place() === 0;
    on.disabled = place() === shown.length - 1;
    const scale = scaleOf(layer, maps.values);
    about.textContent = `${layer.name} makes ${channels} ` +
      `${height * width === 1 ? "numbers" : `maps of ${height} × ${width}`}. ${SAYS[layer.type]} ` +
      scale.words;
    grid(all, maps, scale);
    all.setAttribute("aria-label", `The ${channels} outputs of ${layer.name}`);
    showKernels(layer);
    showPixel(layer, maps, before, scale);
  }

  // How values become greys: black is 0, or, where some are below 0, grey is.
  function scaleOf({type}, values) {
    const signed = type === "Conv" || type === "Linear";
    const most = values.reduce((high, value) => Math.max(high, Math.abs(value)), 0) || 1;
    const grey = signed ? value => 127.5 * (1 + value / most) : value => 255 * value / most;
    const words = signed ? `Grey is 0, white ${number(most)}, black ${number(-most)}.`
      : `Black is 0, white ${number(most)}.`;
    return {grey, words};
  }

  const COLUMNS = channels => (channels <= 10 ? channels : channels <= 48 ? 8 : 12);

  // How a grid of maps lies on its canvas, in pixels: a value takes `unit`.
  function layout([channels, height, width]) {
    const unit = Math.max(1, Math.round(56 / width));
    const columns = COLUMNS(channels);
    const gap = 2;
    return {unit, gap, columns, rows: Math.ceil(channels / columns), high: height * unit + gap,
      wide: width * unit + gap};
  }

  function grid(canvas, {shape, values}, {grey}) {
    const [channels, height, width] = shape;
    const {unit, gap, columns, rows, high, wide} = layout(shape);
    canvas.width = columns * wide - gap;
    canvas.height = rows * high - gap;
    const brush = canvas.getContext("2d");
    for (let map = 0; map < channels; map += 1) {
      const [top, left] = [Math.floor(map / columns) * high, (map % columns) * wide];
      for (let i = 0; i < height * width; i += 1) {
        const level = Math.round(grey(values[map * height * width + i]));
        brush.fillStyle = `rgb(${level} ${level} ${level})`;
        brush.fillRect(left + (i % width) * unit, top + Math.floor(i / width) * unit, unit, unit);
      }
      if (map === state.map - 1) {
        brush.strokeStyle = "#e69f00";
        brush.lineWidth = 4;
        brush.strokeRect(left + 1, top + 1, width * unit - 2, height * unit - 2);
      }
    }
  }

  all.addEventListener("click", event => {
    const {maps: {shape}} = outputOf(state.layer);
    const {columns, rows} = layout(shape);
    const box = all.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const map = Math.floor(y * rows) * columns + Math.floor(x * columns) + 1;
    if (map <= shape[0]) point({map});
  });

  // Kernels of a layer that reads the image: grey is 0, each as strong as its largest weight allows.
  function showKernels({name, weight, kernel, out_channels: count}) {
    kernels.hidden = name !== layers[0].name;
    if (kernels.hidden) return;
    const columns = COLUMNS(count);
    const canvas = element("canvas", {
      class: "try-maps", role: "img", "aria-label": `The ${count} kernels of ${name} as colours`,
      width: columns * (kernel + 1) - 1, height: Math.ceil(count / columns) * (kernel + 1) - 1,
      onclick: event => {
        const box = canvas.getBoundingClientRect();
        const part = (place, start, length, parts) => Math.floor((place - start) / length * parts);
        point({map: 1 + part(event.clientX, box.left, box.width, columns) + columns *
          part(event.clientY, box.top, box.height, Math.ceil(count / columns))});
      },
    });
    const brush = canvas.getContext("2d");
    for (let map = 0; map < count; map += 1) {
      const tile = kernelTile(weight, map, kernel);
      brush.putImageData(tile, (map % columns) * (kernel + 1),
        Math.floor(map / columns) * (kernel + 1));
    }
    kernels.replaceChildren(canvas, element("figcaption", {class: "try-caption"},
      `The kernels of ${name}, in the order of their maps below: grey is a weight of 0.`));
  }

  function kernelTile(weight, map, kernel) {
    const area = kernel ** 2;
    const own = weight.subarray(3 * area * map, 3 * area * (map + 1));
    const most = own.reduce((high, value) => Math.max(high, Math.abs(value)), 1e-9);
    const tile = new ImageData(kernel, kernel);
    for (let i = 0; i < area; i += 1) {
      for (let c = 0; c < 3; c += 1) {
        tile.data[4 * i + c] = 127.5 * (1 + own[c * area + i] / most);
      }
      tile.data[4 * i + 3] = 255;
    }
    return tile;
  }

  // One map enlarged, with a pixel of it; of LRN also the map before it, and the pixel's sum.
  function showPixel(layer, maps, before, scale) {
    const [channels, height, width] = maps.shape;
    const flat = height * width === 1;
    const word = flat ? "Output" : "Map";
    const [row, column] = pixelOf(maps.shape);
    const limits = {map: channels, row: height - 1, column: width - 1};
    pixel.forEach(label => {
      const input = label.querySelector("input");
      const {key} = input.dataset;
      label.hidden = flat && key !== "map";
      if (key === "map") label.querySelector("span").textContent = word;
      input.max = limits[key];
      const now = {map: state.map, row, column}[key];
      if (Number(input.value) !== now || input.value === "") input.value = now;
    });
    const divides = layer.type === "LRN";
    const views = flat ? [] : [
      ...(divides ? [["before", before, scaleOf(layer, before.values)]] : []),
      [divides ? "after" : `map ${state.map}`, maps, scale],
    ];
    large.replaceChildren(...views.map(([label, of, {grey, words}]) =>
      element("figure", {class: "try-figure"}, enlarged(of, grey, label, [row, column]),
        element("figcaption", {class: "try-caption"}, `${label}: ${words}`))));
    const at = (state.map - 1) * height * width + row * width + column;
    const where = flat ? "" : `, row ${row}, column ${column}`;
    const what = layer === shown.at(-1) ? ` (${network.classes[state.map - 1]})` : "";
    value.textContent = `${word} ${state.map}${what}${where}: ${number(maps.values[at])}.`;
    sum.replaceChildren(...(divides ? [sumOf(layer, maps, before, row * width + column)] : []));
  }

  function enlarged({shape: [, height, width], values}, grey, label, [row, column]) {
    const unit = Math.max(1, Math.round(196 / width));
    const canvas = element("canvas", {
      class: "try-seen", width: width * unit, height: height * unit, role: "img",
      "aria-label": `Map ${state.map} of ${state.layer}, ${label}`,
    });
    const brush = canvas.getContext("2d");
    const start = (state.map - 1) * height * width;
    for (let i = 0; i < height * width; i += 1) {
      const level = Math.round(grey(values[start + i]));
      brush.fillStyle = `rgb(${level} ${level} ${level})`;
      brush.fillRect((i % width) * unit, Math.floor(i / width) * unit, unit, unit);
    }
    brush.strokeStyle = "#e69f00";
    brush.lineWidth = 2;
    brush.strokeRect(column * unit + 1, row * unit + 1, unit - 2, unit - 2);
    canvas.addEventListener("click", event => {
      const box = canvas.getBoundingClientRect();
      point({row: Math.floor((event.clientY - box.top) / box.height * height),
        column: Math.floor((event.clientX - box.left) / box.width * width)});
    });
    return canvas;
  }

  // LRN's division written out for one pixel, with every map that its sum runs over.
  function sumOf(layer, maps, before, spot) {
    const [channels, height, width] = maps.shape;
    const [first, last] = pass.neighbours(state.map - 1, channels, layer);
    const area = height * width;
    const rows = [];
    let total = 0;
    for (let map = first; map <= last; map += 1) {
      const a = before.values[map * area + spot];
      total += a ** 2;
      rows.push(element("tr", {}, element("th", {scope: "row"}, `${map + 1}`),
        element("td", {}, number(a)), element("td", {}, number(a ** 2))));
    }
    const a = before.values[(state.map - 1) * area + spot];
    const divisor = (layer.k + layer.alpha * total) ** layer.beta;
    return element("div", {},
      element("table", {},
        element("caption", {}, `What lrn's sum for map ${state.map} runs over, at this pixel`),
        element("thead", {}, element("tr", {}, ...["map", "before", "squared"].map(name =>
          element("th", {scope: "col"}, name)))),
        element("tbody", {}, ...rows)),
      element("p", {}, `Divided by (${layer.k} + ${layer.alpha} · ${number(total)})`,
        element("sup", {}, `${layer.beta}`), ` = ${number(divisor)}: from ${number(a)} to ` +
        `${number(a / divisor)}.`));
  }

  // All of it. A pixel's number is read out to those who are at the layers.

  inside.addEventListener("focusin", () => value.setAttribute("aria-live", "polite"));
  inside.addEventListener("focusout", () => value.setAttribute("aria-live", "off"));

  function showPage() {
    home.replaceChildren(
      ...sources.parts, cropping,
      element("div", {class: "try-stage"},
        element("figure", {class: "try-figure"}, seen,
          element("figcaption", {class: "try-caption"}, `What the network sees: ${WIDTH} × ${HEIGHT} ` +
            "pixels. Tap it, or drag over it, to cover a part.")),
        element("div", {class: "try-answer"},
          element("table", {}, element("caption", {}, "Its five best guesses"),
            element("thead", {}, element("tr", {}, element("th", {scope: "col"}, "class"),
              element("th", {scope: "col"}, "probability"))),
            guesses), said)),
      element("div", {class: "explorer-bar"},
        element("label", {for: "try-covering"}, covering, "Cover a part"), ...places,
        element("label", {}, "Square", wide)),
      element("div", {class: "explorer-bar"}, sweeping, progress),
      element("div", {class: "try-stage"}, swept, weakest));
    inside.replaceChildren(
      element("div", {class: "explorer-bar"},
        element("label", {for: "try-layer"}, "Layer"), back, chosen, on),
      about, kernels, all, element("div", {class: "explorer-bar"}, ...pixel), value, large, sum);
  }

  function follow() {
    const asked = read(inPage.asked());
    const {picture} = asked;
    Object.assign(state, asked);
    if (asked.cover) usual = {...asked.cover};
    return sources.choose(picture);
  }

  follow().then(showPage);
  window.addEventListener("hashchange", () => {
    if (inPage.asked() !== written()) follow();
  });
}
