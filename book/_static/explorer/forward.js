// A network's forward pass in plain arithmetic, and what stands before and behind it: an image
// shrunk and scaled, probabilities, a part covered. It computes what alexnet_course does, in float64.
//
// forwardPass(windowPositions) -> {decoded, run, shrunk, prepared, probabilities, covered, …}
//
// Maps are {shape, values}: [channels, height, width], or [features], and all values row by row.

"use strict";

function forwardPass(windowPositions) {
  const product = numbers => numbers.reduce((made, n) => made * n, 1);

  // Weights, out of the page.

  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
  const floats = text => Float64Array.from(new Float32Array(bytes(text)));

  // A layer with `weight` as numbers: whole ones of 8 bits, times the step of their kernel.
  function decoded(layer) {
    if (!layer.weight) return layer;
    const codes = new Int8Array(bytes(layer.weight));
    const step = floats(layer.step);
    const size = codes.length / step.length;
    const weight = Float64Array.from(codes, (code, i) => code * step[Math.floor(i / size)]);
    return {...layer, weight, bias: layer.bias ? floats(layer.bias) : null};
  }

  // Layers.

  // What each window sees of some channels, window after window: [positions, channels · kernel²].
  function windows(maps, first, channels, rows, columns, {kernel, stride, padding}) {
    const [, height, width] = maps.shape;
    const seen = new Float64Array(rows * columns * channels * kernel * kernel); // zeros beside
    let at = 0;
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        for (let channel = first; channel < first + channels; channel += 1) {
          for (let i = 0; i < kernel; i += 1, at += kernel) {
            const y = row * stride - padding + i;
            if (y < 0 || y >= height) continue;
            const start = (channel * height + y) * width;
            const left = column * stride - padding;
            for (let j = Math.max(0, -left); j < Math.min(kernel, width - left); j += 1) {
              seen[at + j] = maps.values[start + left + j];
            }
          }
        }
      }
    }
    return seen;
  }

  // Each kernel of `weight` with each of `seen`, both in runs of `size`; four at a time, since
  // sums that don't wait for each other are faster.
  function products(weight, seen, size, bias, values, kernels, positions, start) {
    for (let kernel = 0; kernel < kernels; kernel += 1) {
      const from = (start + kernel) * size;
      const to = (start + kernel) * positions;
      const constant = bias ? bias[start + kernel] : 0;
      let place = 0;
      for (; place + 3 < positions; place += 4) {
        const at = place * size;
        let a = constant, b = constant, c = constant, d = constant;
        for (let i = 0; i < size; i += 1) {
          const w = weight[from + i];
          a += w * seen[at + i];
          b += w * seen[at + size + i];
          c += w * seen[at + 2 * size + i];
          d += w * seen[at + 3 * size + i];
        }
        values[to + place] = a;
        values[to + place + 1] = b;
        values[to + place + 2] = c;
        values[to + place + 3] = d;
      }
      for (; place < positions; place += 1) {
        let sum = constant;
        for (let i = 0; i < size; i += 1) sum += weight[from + i] * seen[place * size + i];
        values[to + place] = sum;
      }
    }
  }

  const sides = ({shape}, {kernel, stride, padding, rounding}) =>
    shape.slice(1).map(n => windowPositions(n, kernel, stride, padding, rounding));

  function convolved(maps, layer) {
    const [rows, columns] = sides(maps, layer);
    const channels = maps.shape[0] / layer.groups;
    const kernels = layer.out_channels / layer.groups;
    const size = channels * layer.kernel ** 2;
    const values = new Float64Array(layer.out_channels * rows * columns);
    for (let group = 0; group < layer.groups; group += 1) {
      const seen = windows(maps, group * channels, channels, rows, columns, layer);
      products(layer.weight, seen, size, layer.bias, values, kernels, rows * columns,
        group * kernels);
    }
    return {shape: [layer.out_channels, rows, columns], values};
  }

  function pooled(maps, layer) {
    const [channels, height, width] = maps.shape;
    const [rows, columns] = sides(maps, layer);
    const {kernel, stride, padding} = layer;
    const values = new Float64Array(channels * rows * columns).fill(-Infinity);
    let at = 0;
    for (let channel = 0; channel < channels; channel += 1) {
      for (let row = 0; row < rows; row += 1) {
        const top = row * stride - padding;
        for (let column = 0; column < columns; column += 1, at += 1) {
          const left = column * stride - padding;
          for (let y = Math.max(0, top); y < Math.min(height, top + kernel); y += 1) {
            for (let x = Math.max(0, left); x < Math.min(width, left + kernel); x += 1) {
              const value = maps.values[(channel * height + y) * width + x];
              if (value > values[at]) values[at] = value;
            }
          }
        }
      }
    }
    return {shape: [channels, rows, columns], values};
  }

  // The channels over whose squares LRN sums for one of them: [first, last], inside its group.
  function neighbours(channel, channels, {size, groups}) {
    const part = channels / groups;
    const start = Math.floor(channel / part) * part;
    return [Math.max(start, channel - Math.floor(size / 2)),
      Math.min(start + part - 1, channel + Math.floor((size - 1) / 2))];
  }

  function normalised(maps, layer) {
    const [channels, height, width] = maps.shape;
    const area = height * width;
    const values = new Float64Array(maps.values.length);
    for (let channel = 0; channel < channels; channel += 1) {
      const [first, last] = neighbours(channel, channels, layer);
      for (let place = 0; place < area; place += 1) {
        let sum = 0;
        for (let i = first; i <= last; i += 1) sum += maps.values[i * area + place] ** 2;
        const at = channel * area + place;
        values[at] = maps.values[at] / (layer.k + layer.alpha * sum) ** layer.beta;
      }
    }
    return {shape: maps.shape, values};
  }

  function connected({values: given}, layer) {
    const values = new Float64Array(layer.out_features);
    products(layer.weight, given, given.length, layer.bias, values, layer.out_features, 1, 0);
    return {shape: [layer.out_features], values};
  }

  const LAYERS = {
    Conv: convolved,
    Pool: pooled,
    LRN: normalised,
    Linear: connected,
    ReLU: ({shape, values}) => ({shape, values: values.map(value => Math.max(0, value))}),
    Flatten: ({shape, values}) => ({shape: [product(shape)], values}),
    Dropout: maps => maps, // it drops nothing once a network is trained
  };

  // Settings of these layers that are not computed here.
  const OTHERS = [["Pool", "mode", "average"], ["LRN", "across", "space"],
    ["Dropout", "at_test", true], ["Dropout", "scaled", "test"]];

  function requireKnown(layer) {
    const other = OTHERS.find(([type, name, value]) => layer.type === type && layer[name] === value);
    if (LAYERS[layer.type] && !other) return;
    const what = other ? `${other[1]}=${other[2]}` : layer.type;
    throw new Error(`layer ${layer.name}: ${what} is not computed in pages`);
  }

  // What each of `layers` makes of `maps`, in order: {name, shape, values}.
  function run(layers, maps) {
    return layers.map(layer => {
      requireKnown(layer);
      maps = LAYERS[layer.type](maps, layer);
      return {name: layer.name, ...maps};
    });
  }

  function probabilities(logits) {
    const most = Math.max(...logits);
    const powers = Array.from(logits, logit => Math.exp(logit - most));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map(power => power / sum);
  }

  // ln(p / (1 − p)) of one class: as alexnet_course.features.occlusion has it.
  function logOdds(logits, label) {
    const others = Array.from(logits).filter((_, i) => i !== label);
    const most = Math.max(...others);
    const sum = others.reduce((made, logit) => made + Math.exp(logit - most), 0);
    return logits[label] - most - Math.log(sum);
  }

  // Images. `pixels` are those of a canvas: red, green, blue and opacity, row by row.

  // How much of each source pixel lies in each of `size` equal parts of [start, start + side).
  function shares(start, side, size, length) {
    return Array.from({length: size}, (_, i) => {
      const from = start + i * side / size;
      const to = start + (i + 1) * side / size;
      const found = [];
      const last = Math.min(length, Math.ceil(to - 1e-9));
      for (let pixel = Math.max(0, Math.floor(from + 1e-9)); pixel < last; pixel += 1) {
        const share = Math.min(to, pixel + 1) - Math.max(from, pixel);
        if (share > 0) found.push([pixel, share / (to - from)]);
      }
      return found;
    });
  }

  // A square of an image as `size` × `size` means over the areas of its pixels: [3, size, size],
  // whole numbers from 0 to 255.
  function shrunk(pixels, width, height, {left, top, side}, size) {
    const across = shares(left, side, size, width);
    const down = shares(top, side, size, height);
    const values = new Uint8ClampedArray(3 * size * size);
    for (let row = 0; row < size; row += 1) {
      for (let column = 0; column < size; column += 1) {
        const sums = [0, 0, 0];
        for (const [y, high] of down[row]) {
          for (const [x, wide] of across[column]) {
            const at = 4 * (y * width + x);
            for (let c = 0; c < 3; c += 1) sums[c] += high * wide * pixels[at + c];
          }
        }
        sums.forEach((sum, c) => { values[(c * size + row) * size + column] = Math.round(sum); });
      }
    }
    return values;
  }

  // The middle of an image of `size` × `size`, scaled as the network's images were.
  function prepared(values, size, {input_shape: shape, mean, divisor}) {
    const [channels, height, width] = shape;
    const [top, left] = [height, width].map(side => Math.floor((size - side) / 2));
    const scaled = new Float64Array(product(shape));
    let at = 0;
    for (let c = 0; c < channels; c += 1) {
      for (let row = top; row < top + height; row += 1) {
        for (let column = left; column < left + width; column += 1, at += 1) {
          scaled[at] = (values[(c * size + row) * size + column] / 255 - mean[c]) / divisor[c];
        }
      }
    }
    return {shape, values: scaled};
  }

  // The pixels under a square of `side` whose middle is at `row`, `column`: [top, bottom, left,
  // right], the ends not among them.
  function square([, height, width], row, column, side) {
    const half = Math.floor(side / 2);
    return [[row, height], [column, width]].flatMap(([middle, length]) =>
      [Math.max(0, middle - half), Math.min(length, middle - half + side)]);
  }

  // An image with a square at the mean of all images, which is 0 once they are scaled.
  function covered({shape, values}, row, column, side) {
    const [channels, height, width] = shape;
    const [top, bottom, left, right] = square(shape, row, column, side);
    const hidden = values.slice();
    for (let c = 0; c < channels; c += 1) {
      for (let y = top; y < bottom; y += 1) {
        const start = (c * height + y) * width;
        hidden.fill(0, start + left, start + right);
      }
    }
    return {shape, values: hidden};
  }

  return {decoded, run, probabilities, logOdds, neighbours, shrunk, prepared, square, covered};
}
