// What the small controls of chapters share: sliders, bars and lines over axes, tables, and a
// drawing of 32 × 32 pixels.

"use strict";

const controls = (() => {
  const {element, shape} = inPage;

  // A slider with its value beside it, in words; `put` moves it without calling `onchange`.
  function slider(label, {words = String, ...range}, onchange) {
    const shown = element("span", {class: "control-value", "aria-hidden": "true"});
    const input = element("input", {
      type: "range", ...range, "aria-label": label,
      oninput: () => { tell(); onchange(Number(input.value)); },
    });
    const tell = () => {
      shown.textContent = words(Number(input.value));
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    const put = value => { input.value = value; tell(); };
    return {home: element("label", {class: "control-slider"}, label, input, shown), put};
  }

  const bar = (...children) => element("div", {class: "explorer-bar"}, ...children);

  function figure(caption, ...pictures) {
    return element("figure", {class: "control-figure"}, ...pictures,
      element("figcaption", {}, caption));
  }

  // Rows of texts under headings, the first of each row being its own heading.
  function table(headings, rows) {
    const cells = ([first, ...rest]) => element("tr", {}, element("th", {scope: "row"}, first),
      ...rest.map(text => element("td", {}, text)));
    return element("table", {class: "control-table"},
      element("thead", {}, element("tr", {},
        ...headings.map(text => element("th", {scope: "col"}, text)))),
      element("tbody", {}, ...rows.map(cells)));
  }

  // Charts, 320 wide, that a phone shows as they are.

  const WIDE = 320;
  const HIGH = 170;
  const [LEFT, RIGHT, TOP, BOTTOM] = [38, 8, 18, 34];

  // Round numbers from 0 to at least `most`, some four of them.
  function ticks(most) {
    const rough = (most || 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].find(x => x * power >= rough * (1 - 1e-9)) * power;
    const count = Math.ceil((most || 1) / step - 1e-9);
    return Array.from({length: count + 1}, (_, i) => Number((i * step).toPrecision(12)));
  }

  function axes(label, most, below, above) {
    const marks = ticks(most);
    const y = value => HIGH - BOTTOM - (value / marks.at(-1)) * (HIGH - TOP - BOTTOM);
    const svg = shape("svg", {
      viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label, class: "control-chart",
    });
    for (const mark of marks) {
      svg.append(
        shape("line", {x1: LEFT, x2: WIDE - RIGHT, y1: y(mark), y2: y(mark), class: "control-grid"}),
        shape("text", {x: LEFT - 5, y: y(mark) + 4, "text-anchor": "end"}, String(mark)));
    }
    svg.append(
      shape("text", {x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 3, "text-anchor": "middle"}, below),
      shape("text", {x: 0, y: 10}, above));
    return {svg, y};
  }

  // A bar for each value, with its number on it; `dots` and `lines` mark other values at its place.
  function bars({label, below, above, names, values, kinds, dots = [], lines = [], digits = 2}) {
    const {svg, y} = axes(label, Math.max(...values, ...dots, ...lines), below, above);
    const step = (WIDE - LEFT - RIGHT) / values.length;
    const clear = dots.length ? 8 : 4;
    values.forEach((value, i) => {
      const x = LEFT + i * step;
      const middle = x + step / 2;
      svg.append(
        shape("rect", {
          x: x + step * 0.15, y: y(value), width: step * 0.7, height: y(0) - y(value),
          class: kinds[i],
        }),
        shape("text", {x: middle, y: y(value) - clear, "text-anchor": "middle"},
          String(Number(value.toFixed(digits)))),
        shape("text", {x: middle, y: HIGH - BOTTOM + 14, "text-anchor": "middle"}, names[i]));
    });
    lines.forEach((value, i) => svg.append(shape("line", {
      x1: LEFT + i * step + 2, x2: LEFT + (i + 1) * step - 2, y1: y(value), y2: y(value),
      class: "control-line",
    })));
    dots.forEach((value, i) => svg.append(shape("circle", {
      cx: LEFT + (i + 0.5) * step, cy: y(value), r: 3.5, class: "control-dot",
    })));
    return svg;
  }

  // Curves over the numbers 1, 2, 3, …, and level lines.
  function curves({label, below, above, series, levels}) {
    const {svg, y} = axes(label, Math.max(...series.flat(), ...levels), below, above);
    const most = Math.max(2, series[0].length);
    const x = number => LEFT + ((number - 1) / (most - 1)) * (WIDE - LEFT - RIGHT);
    for (const level of levels) {
      svg.append(shape("line", {
        x1: LEFT, x2: WIDE - RIGHT, y1: y(level), y2: y(level), class: "control-line",
      }));
    }
    for (const values of series) {
      const points = values.map((value, i) => `${x(i + 1).toFixed(1)},${y(value).toFixed(1)}`);
      svg.append(
        shape("polyline", {points: points.join(" "), class: "control-curve"}),
        shape("circle", {
          cx: x(values.length), cy: y(values.at(-1)), r: 3.5, class: "control-dot",
        }));
    }
    for (const number of [1, most]) {
      svg.append(shape("text", {
        x: x(number), y: HIGH - BOTTOM + 14, "text-anchor": number === 1 ? "middle" : "end",
      }, String(number)));
    }
    return svg;
  }

  // Pictures: channels of rows of levels from 0 to 255.

  function paint(canvas, [red, green, blue]) {
    const [high, wide] = [red.length, red[0].length];
    Object.assign(canvas, {width: wide, height: high});
    const image = new ImageData(wide, high);
    for (let row = 0; row < high; row += 1) {
      for (let column = 0; column < wide; column += 1) {
        image.data.set([red, green, blue].map(channel => channel[row][column]).concat(255),
          4 * (row * wide + column));
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const canvas = label => element("canvas", {role: "img", "aria-label": label, class: "control-pixels"});

  // A boat on the sea in the evening, without symmetry, so that a mirror shows.
  function boat() {
    const SIDE = 32;
    const mix = (from, to, share) => from.map((level, i) => level + (to[i] - level) * share);
    const within = (x, y, points) => points.every(([x1, y1], i) => {
      const [x2, y2] = points[(i + 1) % points.length];
      return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0;
    });
    const colour = (x, y) => {
      const waves = 12 * Math.sin(x * 0.9 + y * 2.1);
      let seen = y < 21 ? mix([96, 140, 205], [246, 196, 150], y / 21)
        : mix([58, 110, 150], [18, 52, 92], (y - 21) / 11).map(level => level + waves);
      if (Math.hypot(x - 25, y - 14) < 3.6) seen = [255, 226, 120];
      if (y >= 21 && Math.abs(x - 25) < 2.6 && Math.sin(y * 3) > 0) seen = [230, 180, 120];
      if (within(x, y, [[13.4, 4], [14.4, 4], [14.4, 23], [13.4, 23]])) seen = [80, 54, 38];
      if (within(x, y, [[14.9, 5], [23, 20], [14.9, 20]])) seen = [244, 240, 228];
      if (within(x, y, [[12.8, 8], [12.8, 20], [6.5, 20]])) seen = [206, 70, 58];
      if (within(x, y, [[4, 21.5], [25, 21.5], [21.5, 26.5], [7.5, 26.5]])) {
        seen = y < 23 ? [240, 236, 226] : [122, 66, 40];
      }
      return seen;
    };
    const rows = [...Array(SIDE).keys()];
    return [0, 1, 2].map(channel => rows.map(row =>
      rows.map(column => Math.round(colour(column + 0.5, row + 0.5)[channel]))));
  }

  return {slider, bar, figure, table, bars, curves, paint, canvas, boat};
})();
