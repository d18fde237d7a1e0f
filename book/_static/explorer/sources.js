// Where a picture comes from: a sample, a file, the clipboard, the reader's own brush, a camera.
//
// pictureSources(samples, taken) -> {parts, choose}
//
// taken(canvas, {name, again, moving}) is called with every picture: `name` is that of a sample, or
// null; `again` is true of the same picture, changed, and `moving` while it goes on changing.

"use strict";

function pictureSources(samples, taken) {
  const {element, button} = inPage;
  const LARGEST = 1024; // pixels of a side: a phone's pictures have four times as many
  const PAPER = 320; // a whole number of pixels for each that the network's images have
  const COLOURS = {black: "#111111", white: "#ffffff", grey: "#8c8c8c", brown: "#8a5a2b",
    red: "#d43a2a", yellow: "#f2c530", green: "#3f8f3f", blue: "#4a8fd4"};

  const said = element("p", {class: "explorer-said", role: "status"});

  // An image on white, not larger than it need be.
  function onWhite(image, width, height) {
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    const canvas = element("canvas", {
      width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)),
    });
    const brush = canvas.getContext("2d", {willReadFrequently: true});
    brush.fillStyle = "white";
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.imageSmoothingQuality = "high";
    brush.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  // Samples.

  const choices = samples.map(({name, label, data}) => button("", () => choose(name), {
    "aria-pressed": "false", "data-name": name,
  }));
  choices.forEach((choice, i) => choice.append(
    element("img", {src: samples[i].data, alt: "", width: 40, height: 40}), samples[i].label));

  function mark(name) {
    choices.forEach(choice => {
      choice.setAttribute("aria-pressed", String(choice.dataset.name === name));
    });
  }

  async function choose(name) {
    close();
    const image = choices.find(choice => choice.dataset.name === name).querySelector("img");
    await image.decode();
    hand(onWhite(image, image.naturalWidth, image.naturalHeight), {name});
  }

  function hand(canvas, {name = null, again = false, moving = false} = {}) {
    mark(name);
    if (!again) said.textContent = "";
    taken(canvas, {name, again, moving});
  }

  // Files, also dropped or pasted.

  async function read(file) {
    if (!file) return;
    close();
    try {
      const image = await createImageBitmap(file);
      hand(onWhite(image, image.width, image.height));
    } catch {
      said.textContent = `${file.name || "What was pasted"} can't be read as a picture; take a ` +
        "JPEG, PNG or WebP.";
    }
  }

  const file = element("input", {
    type: "file", accept: "image/*", id: "try-file",
    onchange: ({target}) => { read(target.files[0]); target.value = ""; },
  });
  document.addEventListener("paste", event => {
    const pasted = [...event.clipboardData.files].find(({type}) => type.startsWith("image/"));
    if (!pasted) return;
    event.preventDefault();
    read(pasted);
  });
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, event => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or the browser would leave the page for the picture
      if (kind === "drop") read(event.dataTransfer.files[0]);
    });
  }

  // A drawing.

  const paper = element("canvas", {
    width: PAPER, height: PAPER, tabindex: 0, role: "application", class: "try-paper",
    "aria-label": "Drawing. The arrow keys move the brush, with Shift further; the space bar puts " +
      "it down and lifts it.",
    onkeydown: byKey,
  });
  const ink = element("canvas", {width: PAPER, height: PAPER}) // what is drawn, without the paper
    .getContext("2d", {willReadFrequently: true});
  const cursor = element("span", {class: "try-cursor", "aria-hidden": "true"});
  const colours = element("fieldset", {class: "explorer-input"},
    element("legend", {}, "Colour"),
    ...Object.entries(COLOURS).map(([label, colour], i) => element("label", {},
      element("input", {type: "radio", name: "try-colour", value: colour, checked: i === 0}),
      element("span", {class: "try-swatch", style: `background: ${colour}`}), label)));
  const thick = element("input", {type: "range", min: 10, max: 80, step: 5, value: 30, id: "try-brush"});
  const sheet = element("select", {id: "try-sheet", onchange: () => show(false)},
    ...Object.entries(COLOURS).map(([label, colour]) =>
      element("option", {value: colour, selected: label === "white"}, label)));
  const board = element("div", {class: "try-panel", hidden: true},
    element("div", {class: "try-board"}, paper, cursor), colours,
    element("div", {class: "explorer-bar"},
      element("label", {for: "try-brush"}, "Brush"), thick,
      element("label", {for: "try-sheet"}, "Paper"), sheet,
      button("Undo", undo), button("Clear", () => change(clear))));
  const before = [];
  let at = {x: PAPER / 2, y: PAPER / 2};
  let down = false; // the brush, when it is moved by keys

  const colour = () => colours.querySelector(":checked").value;

  const clear = () => ink.clearRect(0, 0, PAPER, PAPER);

  function show(moving, again = true) {
    const drawn = paper.getContext("2d", {willReadFrequently: true});
    drawn.fillStyle = sheet.value;
    drawn.fillRect(0, 0, PAPER, PAPER);
    drawn.drawImage(ink.canvas, 0, 0);
    hand(paper, {again, moving});
  }

  function change(act) {
    before.push(ink.getImageData(0, 0, PAPER, PAPER));
    if (before.length > 50) before.shift();
    act();
    show(false);
  }

  function undo() {
    if (!before.length) return;
    ink.putImageData(before.pop(), 0, 0);
    show(false);
  }

  function stroke(to) {
    ink.strokeStyle = colour();
    ink.lineWidth = Number(thick.value);
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    ink.moveTo(at.x, at.y);
    ink.lineTo(to.x, to.y);
    ink.stroke();
    at = to;
  }

  function place({clientX, clientY}) {
    const box = paper.getBoundingClientRect();
    return {x: (clientX - box.left) * PAPER / box.width, y: (clientY - box.top) * PAPER / box.height};
  }

  paper.addEventListener("pointerdown", event => {
    paper.setPointerCapture(event.pointerId);
    at = place(event);
    change(() => stroke(at));
  });
  paper.addEventListener("pointermove", event => {
    if (!paper.hasPointerCapture(event.pointerId)) return;
    stroke(place(event));
    show(true);
  });
  paper.addEventListener("pointerup", () => show(false));

  const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

  function byKey(event) {
    const step = STEPS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (!step) down = !down;
    const far = event.shiftKey ? 40 : 10;
    const inside = value => Math.max(0, Math.min(PAPER, value));
    const to = {x: inside(at.x + far * (step?.[0] ?? 0)), y: inside(at.y + far * (step?.[1] ?? 0))};
    if (down) change(() => stroke(to));
    at = to;
    cursor.style.left = `${100 * at.x / PAPER}%`;
    cursor.style.top = `${100 * at.y / PAPER}%`;
    cursor.classList.toggle("down", down);
  }

  function draw() {
    const opened = board.hidden;
    close();
    if (!opened) return;
    board.hidden = false;
    drawing.setAttribute("aria-expanded", "true");
    show(false, false);
    paper.focus({preventScroll: true});
  }

  // A camera: what it sees is shown to the network as long as it runs.

  const video = element("video", {muted: true, playsinline: true, hidden: true});
  let stream = null;

  async function film() {
    if (stream) return close();
    close();
    camera.disabled = true; // while the reader is asked
    try {
      const found = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
      video.srcObject = found;
      video.muted = true;
      await video.play();
      stream = found;
    } catch {
      said.textContent = "No camera can be used: there is none, or this page may not use it.";
      return;
    } finally {
      camera.disabled = false;
    }
    camera.textContent = "Keep this picture";
    look(false);
  }

  function look(again) {
    if (!stream) return;
    hand(onWhite(video, video.videoWidth, video.videoHeight), {again, moving: true});
    setTimeout(() => look(true), 120);
  }

  // Closes what is open; the last picture of a camera stays.
  function close() {
    board.hidden = true;
    drawing.setAttribute("aria-expanded", "false");
    if (!stream) return;
    hand(onWhite(video, video.videoWidth, video.videoHeight), {again: true});
    stream.getTracks().forEach(track => track.stop());
    stream = video.srcObject = null;
    camera.textContent = "Camera";
  }

  const drawing = button("Draw", draw, {"aria-expanded": "false"});
  const camera = button("Camera", film, {hidden: !navigator.mediaDevices?.getUserMedia});
  const parts = [
    element("ul", {class: "try-samples", "aria-label": "Samples"},
      ...choices.map(choice => element("li", {}, choice))),
    element("div", {class: "explorer-bar"},
      element("label", {for: "try-file"}, "Your own picture"), file, drawing, camera),
    said, board, video,
  ];
  return {parts, choose};
}
