// A drawing of 32 × 32 pixels, cut, mirrored and shifted in colour as the paper does it.
//
// Every <div class="what-if augmentation"> of the page becomes one.

"use strict";

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".augmentation").forEach(startAugmentation);
});

// The principal directions of CIFAR-10's colours, red, green and blue, and the standard deviation
// along each: the chapter's table.
const DIRECTIONS = [
  {name: "widest", colour: [0.558, 0.577, 0.596], deviation: 0.415},
  {name: "second", colour: [0.706, 0.047, -0.706], deviation: 0.118},
  {name: "third", colour: [0.436, -0.815, 0.382], deviation: 0.054},
];

// What three draws add to red, green and blue, in levels of 255.
const colourShift = draws => [0, 1, 2].map(channel => 255 * DIRECTIONS.reduce(
  (sum, {colour, deviation}, i) => sum + draws[i] * deviation * colour[channel], 0));

function augmented(picture, {side, top, left, mirrored, draws}) {
  const added = colourShift(draws);
  return picture.map((channel, i) => channel.slice(top, top + side).map(row => {
    const cut = row.slice(left, left + side);
    if (mirrored) cut.reverse();
    return cut.map(level => Math.trunc(Math.min(255, Math.max(0, level + added[i]))));
  }));
}

// The correlation of two pictures' pixels.
function alike(first, second) {
  const centred = picture => {
    const all = picture.flat(2);
    const mean = all.reduce((sum, level) => sum + level, 0) / all.length;
    return all.map(level => level - mean);
  };
  const [one, other] = [centred(first), centred(second)];
  const dot = (a, b) => a.reduce((sum, level, i) => sum + level * b[i], 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

function startAugmentation(home) {
  const {element, button} = inPage;
  const {slider, bar, figure, paint, canvas, boat} = controls;
  const [SIDE, SPARE] = [28, 4];
  const picture = boat();
  const MIDDLE = {side: SIDE, top: 2, left: 2, mirrored: false, draws: [0, 0, 0]};
  const middle = augmented(picture, MIDDLE);
  let state = MIDDLE;

  const set = change => { state = {...state, ...change}; show(); };
  const whole = canvas("the whole drawing");
  const piece = canvas("the piece");
  const frame = element("div", {class: "augmentation-frame"});
  const places = {
    top: slider("rows above", {min: 0, max: SPARE}, top => set({top})),
    left: slider("columns to the left", {min: 0, max: SPARE}, left => set({left})),
  };
  const mirrored = element("input", {
    type: "checkbox", onchange: ({target}) => set({mirrored: target.checked}),
  });
  const colours = DIRECTIONS.map(({name}, i) => slider(`colours, ${name} direction`,
    {min: -1.5, max: 1.5, step: 0.01, words: value => value.toFixed(2)},
    value => set({draws: state.draws.with(i, value)})));
  const said = element("p", {role: "status"});
  const board = element("div", {
    class: "augmentation-board", onpointerdown: follow, onpointermove: event => event.buttons && follow(event),
  }, whole, frame);
  home.replaceChildren(
    bar(button("Draw as the paper", () => draw(0.1)), button("Colours five times as strong", () => draw(0.5)),
      button("The middle piece", () => set(MIDDLE))),
    element("div", {class: "control-pictures"},
      figure("32 × 32 pixels, and the window of 28 × 28", board),
      figure("what the network is given", piece)),
    said,
    element("div", {class: "control-sliders"}, places.top.home, places.left.home,
      element("label", {}, mirrored, "mirrored"), ...colours.map(made => made.home)));
  show();

  // A place and a flip, each as likely as any other, and three normal draws (Box and Muller).
  function draw(deviation) {
    const place = () => Math.floor(Math.random() * (SPARE + 1));
    const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) *
      Math.cos(2 * Math.PI * Math.random());
    const within = value => Math.max(-1.5, Math.min(1.5, Number(value.toFixed(2))));
    set({
      top: place(), left: place(), mirrored: Math.random() < 0.5,
      draws: DIRECTIONS.map(() => within(deviation * normal())),
    });
  }

  // The window goes where the drawing is touched.
  function follow(event) {
    const box = whole.getBoundingClientRect();
    const begin = share => Math.max(0, Math.min(SPARE, Math.round(share * 32 - SIDE / 2)));
    set({
      top: begin((event.clientY - box.top) / box.height),
      left: begin((event.clientX - box.left) / box.width),
    });
  }

  function show() {
    const {top, left, draws} = state;
    places.top.put(top);
    places.left.put(left);
    mirrored.checked = state.mirrored;
    colours.forEach(({put}, i) => put(draws[i]));
    const made = augmented(picture, state);
    paint(whole, picture);
    paint(piece, made);
    Object.assign(frame.style, {top: `${(top / 32) * 100}%`, left: `${(left / 32) * 100}%`});
    const added = colourShift(draws).map(level => `${level < 0 ? "−" : "+"}${Math.abs(level).toFixed(1)}`);
    said.textContent = `Piece ${top * (SPARE + 1) + left + 1} of 25: it begins at row ${top} and column ` +
      `${left}${state.mirrored ? ", mirrored" : ""}. Added to red, green and blue: ${added.join(", ")} ` +
      `of 255. Correlation with the middle piece: ${alike(made, middle).toFixed(2).replace("-", "−")}.`;
  }
}
