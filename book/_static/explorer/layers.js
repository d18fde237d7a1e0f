// The rules of alexnet_course.layers and alexnet_course.arithmetic, for pages: sizes, parameters,
// multiply-adds, memory and receptive fields of a network that is given as plain data, and the same
// sentences where it can't be. What fields a layer has, and what they may hold, comes from Python.
//
// layerRules(schema) -> {table, attempt, trace, settle, …}

"use strict";

function layerRules(schema) {
  class SpecError extends Error {
    constructor(message, layer = null) {
      super(message);
      this.layer = layer; // the name of the one that can't be, dotted where it is inside another
    }
  }

  // How Python writes a value.

  function repr(value) {
    if (value === null || value === undefined) return "None";
    if (value === true) return "True";
    if (value === false) return "False";
    if (Array.isArray(value)) return tuple(value);
    if (typeof value === "string") return quoted(value);
    return String(value);
  }

  function quoted(text) {
    const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
    return mark + text.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`) + mark;
  }

  const tuple = items =>
    items.length === 1 ? `(${repr(items[0])},)` : `(${items.map(repr).join(", ")})`;

  function shown(value) {
    const text = repr(value).split(/\s+/).join(" ");
    return text.length <= schema.longest ? text : `${text.slice(0, schema.longest - 1)}…`;
  }

  // What a field may hold, by the words with which Python says it.

  const whole = value => typeof value === "number" && Number.isInteger(value);
  const finite = value => typeof value === "number" && Number.isFinite(value);
  const HOLDS = {
    "a whole number, at least 1": value => whole(value) && value >= 1,
    "a whole number, at least 0": value => whole(value) && value >= 0,
    "a number above 0": value => finite(value) && value > 0,
    "a number, at least 0": value => finite(value) && value >= 0,
    "a number, at least 0 and below 1": value => finite(value) && value >= 0 && value < 1,
    "True or False": value => typeof value === "boolean",
  };

  const fits = (field, value) =>
    field.choices ? field.choices.includes(value) : HOLDS[field.words](value);

  const fieldsOf = type => schema.layers[type].fields;

  // A layer as it is given, with what is usual where nothing is said; an error for what can't be.

  function settle(given) {
    const known = schema.layers[given.type];
    const {name} = given;
    const parts = partsOf(given).map(part => part.map(each => within(name, () => settle(each))));
    if (typeof name !== "string" || !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) {
      throw new SpecError(`layer name ${shown(name)}: a name is a word of letters, digits and _, ` +
        "such as 'conv1'");
    }
    if (name === "total") {
      throw new SpecError("layer name 'total': the table's last row has it; choose another");
    }
    const layer = {type: given.type, kind: known.kind, name, parts};
    const wrong = [];
    for (const field of known.fields) {
      const value = given[field.name] === undefined ? field.usual : given[field.name];
      if (!fits(field, value)) {
        wrong.push(`${field.name} is ${shown(value)}; it must be ${field.words}`);
      }
      layer[field.name] = value;
    }
    if (wrong.length) fail(layer, wrong.join("; "));
    const twice = repeated(layer.parts.flat());
    if (twice) fail(layer, `two layers inside are named ${repr(twice)}; every name may stand once`);
    (AT_ODDS[layer.type] ?? (() => {}))(layer);
    return layer;
  }

  const partsOf = given => ({
    Residual: () => [given.branch, given.shortcut ?? []],
    Parallel: () => given.branches,
  }[given.type] ?? (() => []))();

  function within(name, act) {
    try {
      return act();
    } catch (error) {
      if (error instanceof SpecError && error.layer) error.layer = `${name}.${error.layer}`;
      throw error;
    }
  }

  function repeated(layers) {
    const names = layers.map(({name}) => name);
    return names.find((name, place) => names.indexOf(name) < place);
  }

  function fail(layer, message) {
    throw new SpecError(`layer ${repr(layer.name)} (${layer.type}): ${message}`, layer.name);
  }

  function requireGroups(layer, channels, label) {
    if (channels % layer.groups) {
      fail(layer, `groups=${layer.groups} does not divide its ${channels} ${label} channels`);
    }
  }

  function requireMaps(layer, shape) {
    if (shape.length !== 3) {
      fail(layer, `receives shape ${tuple(shape)}; it works on maps, (channels, height, width), ` +
        "so it must stand before the flatten");
    }
  }

  const AT_ODDS = {
    Conv: layer => requireGroups(layer, layer.out_channels, "output"),
    Pool(layer) {
      if (layer.padding > Math.floor(layer.kernel / 2)) {
        fail(layer, `padding ${layer.padding} is more than half of its window of ` +
          `${layer.kernel}; some windows would hold nothing but padding`);
      }
    },
    LRN(layer) {
      if (layer.across === "space" && layer.size % 2 === 0) {
        fail(layer, `size ${layer.size} is even; a patch of a map needs a middle pixel`);
      }
    },
    Dropout(layer) {
      if (layer.at_test && layer.scaled === "test") {
        fail(layer, "at_test is today's slip; it goes with scaled='training' only");
      }
    },
  };

  // Sizes.

  function windowPositions(size, kernel, stride, padding, rounding) {
    const span = size + 2 * padding - kernel;
    if (rounding === "floor") return Math.floor(span / stride) + 1;
    const positions = Math.ceil(span / stride) + 1;
    const late = span % stride && (positions - 1) * stride >= size + padding;
    return late ? positions - 1 : positions;
  }

  function slide(layer, shape, rounding = layer.rounding) {
    const {kernel, stride, padding} = layer;
    requireMaps(layer, shape);
    for (const [i, side] of [[1, "height"], [2, "width"]]) {
      if (kernel > shape[i] + 2 * padding) {
        fail(layer, `its window of ${kernel} is larger than the padded input: ${side} ` +
          `${shape[i]} + 2·${padding} = ${shape[i] + 2 * padding}`);
      }
    }
    return shape.slice(1).map(n => windowPositions(n, kernel, stride, padding, rounding));
  }

  const OUTPUT = {
    Conv(layer, shape) {
      const sides = slide(layer, shape);
      requireGroups(layer, shape[0], "input");
      return [layer.out_channels, ...sides];
    },
    LocallyConnected: (layer, shape) => [layer.out_channels, ...slide(layer, shape, "floor")],
    Pool(layer, shape) {
      const sides = slide(layer, shape);
      return [shape[0], ...sides];
    },
    AdaptivePool(layer, shape) {
      requireMaps(layer, shape);
      return [shape[0], layer.size, layer.size];
    },
    LRN(layer, shape) {
      requireMaps(layer, shape);
      requireGroups(layer, shape[0], "input");
      return shape;
    },
    Flatten: (_, shape) => [product(shape)],
    Linear(layer, shape) {
      if (shape.length !== 1) {
        fail(layer, `receives shape ${tuple(shape)}; put a Flatten before it`);
      }
      return [layer.out_features];
    },
    Residual(layer, shape) {
      const [made, kept] = layer.parts.map(part => passed(part, shape));
      if (tuple(made) !== tuple(kept)) {
        fail(layer, `its branch makes ${tuple(made)} and its shortcut ${tuple(kept)}, which ` +
          "can't be added; let both make the same shape, such as by a Conv of that many " +
          "channels and that stride in the shortcut");
      }
      return made;
    },
    Parallel(layer, shape) {
      const shapes = layer.parts.map(part => passed(part, shape));
      const alike = new Set(shapes.map(([, ...rest]) => tuple(rest)));
      if (alike.size > 1) {
        fail(layer, `its branches make ${shapes.map(tuple).join(", ")}, which can't be put ` +
          "together; let all make maps of one height and width, or all a row of features");
      }
      return [sum(shapes.map(([first]) => first)), ...shapes[0].slice(1)];
    },
  };

  const outputShape = (layer, shape) => (OUTPUT[layer.type] ?? ((_, same) => same))(layer, shape);
  const passed = (part, shape) => part.reduce((made, layer) => outputShape(layer, made), shape);
  const product = numbers => numbers.reduce((a, b) => a * b, 1);
  const sum = numbers => numbers.reduce((a, b) => a + b, 0);

  // Parameters and multiply-adds; `made` is the shape that comes out.

  const PARAMETERS = {
    Conv: (layer, shape) => [
      layer.out_channels * (shape[0] / layer.groups) * layer.kernel ** 2,
      layer.bias ? layer.out_channels : 0,
    ],
    LocallyConnected: (layer, shape, made) =>
      [product(made) * shape[0] * layer.kernel ** 2, product(made)],
    BatchNorm: (_, shape) => [shape[0], shape[0]],
    Linear: (layer, shape) =>
      [shape[0] * layer.out_features, layer.bias ? layer.out_features : 0],
  };

  const parameterCounts = (layer, shape, made) =>
    (PARAMETERS[layer.type] ?? (() => [0, 0]))(layer, shape, made);

  const MULTIPLY_ADDS = {
    Conv: (weights, made) => weights * made[1] * made[2],
    LocallyConnected: weights => weights,
    Linear: weights => weights,
  };

  // Receptive fields: the window through which a layer sees, or null where they end.

  const WINDOW = {
    Conv: ({kernel, stride, padding}) => [kernel, stride, padding],
    LocallyConnected: ({kernel, stride, padding}) => [kernel, stride, padding],
    Pool: ({kernel, stride, padding}) => [kernel, stride, padding],
    LRN: ({size, across}) => (across === "space" ? [size, 1, Math.floor(size / 2)] : [1, 1, 0]),
    AdaptivePool: () => null,
    Flatten: () => null,
    Linear: () => null,
  };

  const windowOf = layer => (WINDOW[layer.type] ?? (() => [1, 1, 0]))(layer);

  function hull(rows) {
    const seen = rows.filter(Boolean);
    if (!seen.length) return null;
    return [Math.min(...seen.map(([a]) => a)), Math.max(...seen.map(([, b]) => b))];
  }

  function through(layer, shape, signal, learned) {
    const window = windowOf(layer);
    if (!window || !signal.rows) return {shape, learned, field: null, rows: null};
    const [kernel, step, padding] = window;
    const rows = Array.from({length: shape[1]}, (_, i) => {
      const at = i * step - padding;
      return hull(signal.rows.slice(Math.max(0, at), Math.max(0, at + kernel)));
    });
    if (!signal.field) return {shape, learned, field: null, rows};
    const {side, stride, start} = signal.field;
    const field = {
      side: side + (kernel - 1) * stride,
      stride: stride * step,
      start: start - padding * stride,
    };
    return {shape, learned, field, rows};
  }

  function joined(shape, ends) {
    const learned = ends.some(end => end.learned);
    if (ends.some(end => !end.rows)) return {shape, learned, field: null, rows: null};
    const shortest = Math.min(...ends.map(({rows}) => rows.length));
    const rows = Array.from({length: shortest}, (_, i) => hull(ends.map(end => end.rows[i])));
    const fields = ends.map(({field}) => field);
    if (fields.some(field => !field) || new Set(fields.map(({stride}) => stride)).size > 1) {
      return {shape, learned, field: null, rows};
    }
    const start = Math.min(...fields.map(field => field.start));
    const end = Math.max(...fields.map(field => field.start + field.side));
    return {shape, learned, field: {side: end - start, stride: fields[0].stride, start}, rows};
  }

  // The walk.

  function* walk(layers, signal, inside) {
    for (const layer of layers) {
      const name = inside + layer.name;
      const ends = [];
      for (const part of layer.parts) ends.push(yield* walk(part, signal, `${name}.`));
      let shape;
      try {
        shape = outputShape(layer, signal.shape);
      } catch (error) {
        if (!(error instanceof SpecError) || !inside) throw error;
        const message = `inside ${repr(inside.slice(0, -1))}: ${error.message}`;
        throw new SpecError(message, inside + error.layer);
      }
      const counts = parameterCounts(layer, signal.shape, shape);
      const learned = signal.learned || counts.some(Boolean);
      const made = ends.length ? joined(shape, ends) : through(layer, shape, signal, learned);
      yield {name, layer, counts, received: signal, made};
      signal = made;
    }
    return signal;
  }

  function settled(architecture) {
    const {name, input_shape: shape} = architecture;
    const layers = architecture.layers.map(settle);
    const wrong = shape.flatMap((side, i) => HOLDS["a whole number, at least 1"](side)
      ? [] : [`input_shape[${i}] is ${shown(side)}; it must be a whole number, at least 1`]);
    if (wrong.length) {
      const words = `input_shape is ${shown(shape)}; it must be ${schema.input_shape}`;
      throw new SpecError(`architecture ${shown(name)}: ${words}`);
    }
    return layers;
  }

  function* trace(architecture) {
    const layers = settled(architecture);
    const twice = repeated(layers);
    if (twice) {
      throw new SpecError(`architecture ${repr(architecture.name)}: two layers are named ` +
        `${repr(twice)}; every name may stand once`);
    }
    const shape = architecture.input_shape;
    const rows = Array.from({length: shape[1]}, (_, row) => [row, row]);
    const image = {shape, learned: false, field: {side: 1, stride: 1, start: 0}, rows};
    yield* walk(layers, image, "");
  }

  // A row for each layer and a last row of sums, in the columns of layer_table.

  function rowOf({name, layer, counts, made}) {
    const values = product(made.shape);
    const [weights, biases] = counts;
    return {
      name,
      kind: layer.kind,
      output_shape: made.shape,
      output_values: values,
      neurons: schema.learned.includes(layer.kind) ? values : 0,
      weights,
      biases,
      parameters: weights + biases,
      multiply_adds: (MULTIPLY_ADDS[layer.type] ?? (() => 0))(weights, made.shape),
      activation_bytes: values * schema.bytes,
      receptive_field: made.field && made.field.side,
      receptive_stride: made.field && made.field.stride,
      largest_seen: made.rows &&
        Math.max(...made.rows.map(row => (row ? row[1] - row[0] + 1 : 0))),
    };
  }

  function table(architecture) {
    const {rows, error} = attempt(architecture);
    if (error) throw error;
    const total = {name: "total", kind: "", output_shape: []};
    for (const column of schema.sums) total[column] = sum(rows.map(row => row[column]));
    return [...rows, total];
  }

  // The rows up to the first layer that can't be, and the error that says why.

  function attempt(architecture) {
    const rows = [];
    try {
      for (const step of trace(architecture)) rows.push(rowOf(step));
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      const outer = error.layer?.split(".")[0];
      const place = architecture.layers.findIndex(({name}) => name === outer);
      const before = architecture.layers.slice(0, Math.max(0, place));
      if (!rows.length && place > 0) rows.push(...attempt({...architecture, layers: before}).rows);
      return {rows, error};
    }
    return {rows, error: null};
  }

  return {trace, table, attempt, settle, fieldsOf, partsOf, repr, windowPositions, SpecError};
}
