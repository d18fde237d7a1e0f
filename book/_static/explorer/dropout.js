// Dropout of eight values and of a picture's pixels: one mask, the mean of many, the value at test.
//
// Every <div class="what-if dropout-masks"> of the page becomes one.

"use strict";

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".dropout-masks").forEach(startMasks);
});

const DROPOUTS = {
  2012: (value, kept, p, training) => (training ? value * kept : value * (1 - p)),
  today: (value, kept, p, training) => (training ? (value * kept) / (1 - p) : value),
};

const WAYS = {2012: "2012", today: "Today"};

// Numbers from 0 to 1, the same for everybody: mulberry32.
function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function startMasks(home) {
  const {element, button} = inPage;
  const {slider, bar, figure, table, bars, curves, paint, canvas, boat} = controls;
  const VALUES = [3, 1, 4, 1, 5, 9, 2, 6];
  const FIRST = [0.4963, 0.7682, 0.0885, 0.132, 0.3074, 0.6341, 0.4901, 0.8964]; // as in the chapter
  const PIXELS = 32 * 32;
  const MOST = 1000; // draws
  const picture = boat();
  let p = 0.5;
  let draws; // of each: a number for each value and each pixel, which is dropped if it is below p
  let next;

  const drawn = () => Float64Array.from({length: VALUES.length + PIXELS}, next);
  function begin() {
    next = uniform(2012);
    draws = [drawn()];
    draws[0].set(FIRST);
  }

  const more = count => button(`Draw ${count === 1 ? "again" : count}`, () => {
    for (let i = 0; i < count && draws.length < MOST; i += 1) draws.push(drawn());
    show();
  });
  const buttons = [1, 10, 100].map(more);
  const probability = slider("p", {min: 0, max: 0.95, step: 0.05, words: value => value.toFixed(2)},
    value => { p = value; show(); });
  const said = element("p", {role: "status"});
  const charts = element("div", {class: "control-figures"});
  const numbers = element("div", {class: "control-numbers"});
  const pictures = ["one mask", "the mean of all draws", "at test"].map(title => [title, canvas(title)]);
  const captions = pictures.map(([title, made]) => figure(title, made));
  home.replaceChildren(
    bar(...buttons, button("Start again", () => { begin(); show(); })),
    element("div", {class: "control-sliders"}, probability.home),
    said, charts,
    element("p", {}, "The pixels of a drawing, in 2012's way:"),
    element("div", {class: "control-pictures"}, ...captions),
    element("details", {}, element("summary", {}, "The numbers"), numbers));

  const total = values => values.reduce((sum, value) => sum + value, 0);
  const kept = (draw, i) => Number(draw[i] >= p);

  // Of one way: this draw's values, their means over all draws, the values at test, and how the
  // mean of the sum goes on from draw to draw.
  function outcome(way) {
    const dropped = draws.map(draw => VALUES.map((value, i) =>
      DROPOUTS[way](value, kept(draw, i), p, true)));
    const sums = [];
    for (const values of dropped) sums.push((sums.at(-1) ?? 0) + total(values));
    return {
      now: dropped.at(-1),
      mean: VALUES.map((_, i) => total(dropped.map(values => values[i])) / draws.length),
      test: VALUES.map(value => DROPOUTS[way](value, null, p, false)),
      running: sums.map((sum, i) => sum / (i + 1)),
    };
  }

  function show() {
    probability.put(p);
    buttons.forEach(each => { each.disabled = draws.length >= MOST; });
    const found = {2012: outcome("2012"), today: outcome("today")};
    const last = draws.at(-1);
    const count = VALUES.filter((_, i) => kept(last, i)).length;
    const sums = Object.entries(found).map(([way, {now, running, test}]) =>
      `${WAYS[way]}: sum ${round(total(now))}, mean ${round(running.at(-1))}, at test ${round(total(test))}`);
    said.textContent = `Draw ${draws.length}: ${count} of 8 values are kept. ${sums.join(". ")}.`;
    charts.replaceChildren(...Object.entries(found).map(drawBars), drawCurves(found));
    numbers.replaceChildren(...Object.entries(found).map(drawTable));
    paintPictures(last);
  }

  const round = value => String(Number(value.toFixed(2)));

  function drawBars([way, {now, mean, test}]) {
    return figure(`${WAYS[way]}. Bars: this draw. Dots: the mean of ${draws.length}. Lines: at test.`, bars({
      label: `${WAYS[way]}: this draw ${now.map(round).join(", ")}`,
      below: "the eight values", above: "after dropout",
      names: VALUES, values: now, dots: mean, lines: test, digits: 1,
      kinds: now.map(() => "control-within"),
    }));
  }

  function drawCurves(found) {
    const series = Object.values(found).map(({running}) => running);
    const levels = Object.values(found).map(({test}) => total(test));
    return figure("The mean of the sum so far; above, today's way. Lines: at test.", curves({
      label: `After ${draws.length} draws the mean of the sum is ${series.map(s => round(s.at(-1)))
        .join(" and ")}; at test it is ${levels.map(round).join(" and ")}`,
      below: "draws", above: "mean of the sum", series, levels,
    }));
  }

  function drawTable([way, {now, mean, test}]) {
    const rows = [...VALUES.map((value, i) => [value, now[i], mean[i], test[i]]),
      ["sum", total(now), total(mean), total(test)]];
    const made = table(["value", "this draw", "mean", "at test"],
      rows.map(([first, ...rest]) => [String(first), ...rest.map(round)]));
    made.prepend(element("caption", {}, WAYS[way]));
    return made;
  }

  function paintPictures(last) {
    const shares = new Float64Array(PIXELS);
    for (const draw of draws) {
      for (let i = 0; i < PIXELS; i += 1) shares[i] += kept(draw, VALUES.length + i) / draws.length;
    }
    const scaled = by => picture.map(channel =>
      channel.map((row, y) => row.map((level, x) => level * by(32 * y + x))));
    const seen = [scaled(i => kept(last, VALUES.length + i)), scaled(i => shares[i]), scaled(() => 1 - p)];
    pictures.forEach(([, made], i) => paint(made, seen[i]));
    captions[1].querySelector("figcaption").textContent = `the mean of ${draws.length}`;
  }

  begin();
  show();
}
