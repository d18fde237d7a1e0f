// A network in other words: an address, Python, PyTorch, a table for a spreadsheet.
//
// layerTexts(schema, networks, rules) -> {toAddress, fromAddress, asPython, asSequential, asCsv}
//
// A network is plain data, as alexnet_course.config.plain gives it; what is at its usual value need
// not be said.

"use strict";

function layerTexts(schema, networks, rules) {
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  // Without what is as usual, in the order of the fields: two networks are alike if these are.

  function brief(layer) {
    const kept = {type: layer.type, name: layer.name};
    for (const {name, usual} of rules.fieldsOf(layer.type)) {
      if (layer[name] !== undefined && layer[name] !== usual) kept[name] = layer[name];
    }
    if (layer.branch) kept.branch = layer.branch.map(brief);
    if (layer.shortcut?.length) kept.shortcut = layer.shortcut.map(brief);
    if (layer.branches) kept.branches = layer.branches.map(part => part.map(brief));
    return kept;
  }

  const plain = ({name, input_shape: shape, layers}) =>
    ({name, input_shape: shape, layers: layers.map(brief)});

  // The address names a network of the course and what differs from it, in words as long as its
  // layers are the same ones; else it holds all layers.

  function toAddress(network) {
    const {name, input_shape: shape, layers} = plain(network);
    const parts = new URLSearchParams();
    const base = networks[name] && plain(networks[name]);
    parts.set("network", name);
    if (!base || !same(shape, base.input_shape)) parts.set("input", shape.join("x"));
    if (!base) {
      parts.set("layers", packed(layers));
    } else if (!same(layers, base.layers)) {
      const changes = differences(base.layers, layers);
      if (changes) for (const [key, value] of changes) parts.set(key, value);
      else parts.set("layers", packed(layers));
    }
    return parts.toString();
  }

  function differences(before, after, inside = "") {
    const names = layers => layers.map(({type, name}) => `${type} ${name}`);
    if (!same(names(before), names(after))) return null;
    const found = [];
    for (const [i, layer] of after.entries()) {
      const old = before[i];
      const path = `${inside}${layer.name}.`;
      for (const {name, usual} of rules.fieldsOf(layer.type)) {
        const value = layer[name] ?? usual;
        if (value !== (old[name] ?? usual)) found.push([path + name, String(value)]);
      }
      const [parts, were] = [layer, old].map(rules.partsOf);
      if (parts.length !== were.length) return null;
      for (const [j, part] of parts.entries()) {
        const changes = differences(were[j], part, path);
        if (!changes) return null;
        found.push(...changes);
      }
    }
    return found;
  }

  // A field's value: a number, true or false, or a word.
  function said(value) {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }

  // The layer of a dotted name.
  function named(layers, [name, ...rest]) {
    const layer = layers.find(each => each.name === name);
    return rest.length ? named(rules.partsOf(layer).flat(), rest) : layer;
  }

  function packed(layers) {
    const bytes = new TextEncoder().encode(JSON.stringify(layers));
    const text = Array.from(bytes, byte => String.fromCharCode(byte)).join("");
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  function unpacked(text) {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, x => x.charCodeAt(0))));
  }

  // The network of an address; null where the address says none that could be shown.

  function fromAddress(text) {
    const parts = new URLSearchParams(text);
    const name = parts.get("network");
    const base = networks[name];
    try {
      const layers = parts.has("layers") ? unpacked(parts.get("layers")) : base.layers;
      const shape = parts.get("input")?.split("x").map(Number) ?? base.input_shape;
      const network = structuredClone(plain({name, input_shape: shape, layers}));
      for (const [key, value] of parts) {
        const path = key.split(".");
        const field = path.pop();
        if (path.length) named(network.layers, path)[field] = said(value);
      }
      return shape.length === 3 && network.layers.length ? network : null;
    } catch {
      return null;
    }
  }

  // Python, for this course.

  function asPython(network) {
    const {name, input_shape: shape, layers} = plain(network);
    const kinds = new Set();
    const lines = layers.map(layer => `        ${constructor(layer, kinds)},\n`).join("");
    return `from alexnet_course.architectures import Architecture\n` +
      `from alexnet_course.layers import ${[...kinds].sort().join(", ")}\n\n` +
      `network = Architecture(\n    ${rules.repr(name)},\n    ${rules.repr(shape)},\n` +
      `    (\n${lines}    ),\n)\n`;
  }

  function constructor(layer, kinds) {
    kinds.add(layer.type);
    const part = layers => {
      const inside = layers.map(each => constructor(each, kinds));
      return inside.length === 1 ? `(${inside[0]},)` : `(${inside.join(", ")})`;
    };
    const said = [rules.repr(layer.name)];
    for (const {name} of rules.fieldsOf(layer.type)) {
      if (layer[name] !== undefined) said.push(`${name}=${rules.repr(layer[name])}`);
    }
    if (layer.branch) said.push(`branch=${part(layer.branch)}`);
    if (layer.shortcut) said.push(`shortcut=${part(layer.shortcut)}`);
    if (layer.branches) {
      said.push(`branches=(${layer.branches.map(part).join(", ")})`);
    }
    return `${layer.type}(${said.join(", ")})`;
  }

  // PyTorch alone. Sizes of inputs are filled in, and the ceiling rule becomes a padding.

  const NAMES = {tanh: "Tanh", sigmoid: "Sigmoid", "leaky-relu": "LeakyReLU", gelu: "GELU"};

  const MODULES = {
    Conv(layer, shape, made) {
      const {out_channels: out, kernel, stride, padding, groups, bias} = layer;
      const more = layer.rounding === "ceil" ? overhang(layer, shape, made) : [0, 0];
      const pads = more.some(Boolean);
      const options = [shape[0], out, kernel];
      if (stride !== 1) options.push(`stride=${stride}`);
      if (padding && !pads) options.push(`padding=${padding}`);
      if (groups !== 1) options.push(`groups=${groups}`);
      if (!bias) options.push("bias=False");
      const around = [padding, padding + more[1], padding, padding + more[0]];
      const lines = pads ? [[`${layer.name}_edge`, `nn.ZeroPad2d((${around.join(", ")}))`]] : [];
      return [...lines, [layer.name, `nn.Conv2d(${options.join(", ")})`]];
    },
    Pool(layer) {
      const options = [layer.kernel, layer.stride];
      if (layer.padding) options.push(`padding=${layer.padding}`);
      if (layer.rounding === "ceil") options.push("ceil_mode=True");
      return [[layer.name, `nn.${layer.mode === "max" ? "Max" : "Avg"}Pool2d(${options.join(", ")})`]];
    },
    AdaptivePool: layer => [[layer.name, `nn.AdaptiveAvgPool2d(${layer.size})`]],
    LRN(layer) {
      if (layer.across === "space" || layer.groups !== 1) return null;
      const {size, alpha, beta, k} = layer;
      return [[layer.name, `nn.LocalResponseNorm(${size}, alpha=${size} * ${alpha}, ` +
        `beta=${beta}, k=${k})`]];
    },
    ReLU: layer => [[layer.name, "nn.ReLU()"]],
    BatchNorm(layer, shape) {
      const kind = shape.length === 3 ? "BatchNorm2d" : "BatchNorm1d";
      return [[layer.name, `nn.${kind}(${shape[0]}, eps=${layer.epsilon})`]];
    },
    Activation: layer => [[layer.name, `nn.${NAMES[layer.function]}()`]],
    Dropout: layer =>
      (layer.at_test || layer.scaled === "test" ? null : [[layer.name, `nn.Dropout(${layer.p})`]]),
    Flatten: layer => [[layer.name, "nn.Flatten()"]],
    Linear(layer, shape) {
      const bias = layer.bias ? "" : ", bias=False";
      return [[layer.name, `nn.Linear(${shape[0]}, ${layer.out_features}${bias})`]];
    },
  };

  const overhang = ({kernel, stride, padding}, shape, made) => [1, 2].map(side =>
    Math.max(0, (made[side] - 1) * stride + kernel - shape[side] - 2 * padding));

  // Gives the text, and the names of layers for which PyTorch has no module.

  function asSequential(network) {
    const lines = [];
    const without = [];
    for (const {name, layer, received, made} of rules.trace(network)) {
      if (name.includes(".")) continue;
      const modules = MODULES[layer.type]?.(layer, received.shape, made.shape);
      if (!modules) without.push(name);
      for (const [key, code] of modules ?? []) lines.push(`            "${key}": ${code},\n`);
    }
    const text = "from collections import OrderedDict\n\nfrom torch import nn\n\n" +
      `network = nn.Sequential(\n    OrderedDict(\n        {\n${lines.join("")}        }\n    )\n)\n`;
    return {text, without};
  }

  // A table for a spreadsheet: what `table NAME --format csv` prints.

  function asCsv(network) {
    const rows = rules.table(network);
    const cell = value => {
      if (value === null || value === undefined) return "";
      return Array.isArray(value) ? value.join("×") : String(value);
    };
    const columns = Object.keys(rows[0]);
    return [columns, ...rows.map(row => columns.map(column => cell(row[column])))]
      .map(cells => cells.join(",")).join("\n");
  }

  return {plain, toAddress, fromAddress, asPython, asSequential, asCsv};
}
