// The run explorer: curves of recorded runs, and the difference of two arms with its intervals.
//
// startRuns({quantiles, makings, experiments}, first): first is the experiment to begin with

"use strict";

function startRuns(data, first) {
  const {element, shape, button} = inPage;
  const runs = runsArithmetic(data);
  const home = document.getElementById("runs");
  const COLOURS = ["blue", "red", "green", "orange", "pink", "sky"]
    .map(colour => `var(--drawing-${colour})`);
  const DASHES = ["", "7 3", "2 3", "9 3 2 3", "14 4", "5 2 1 2"];
  const WIDE = 640; // pixels, from which names stand in the drawing
  const LINE = 15; // pixels of height that a name takes
  const TOLD = 8; // arms whose values are read out

  let choice = runs.fromAddress(inPage.asked()) ?? runs.settled({experiment: first});
  let chart = null;

  // What stays; the rest is made anew after each change.

  const option = (value, text = value) => element("option", {value}, text);
  const select = (id, label, set) => {
    const made = element("select", {id, onchange: ({target}) => set(target.value)});
    return [element("label", {for: id}, label), made];
  };
  const labelled = (label, input) => element("label", {}, label, input);

  const [experimentLabel, experiment] = select("runs-experiment", "Experiment", another);
  const [quantityLabel, quantity] = select("runs-quantity", "Quantity",
    value => change({quantity: value, aim: null}));
  const [besideLabel, beside] = select("runs-beside", "Beside it, the arms of", value =>
    change({beside: value, arms: undefined, pair: undefined, seeds: null}));
  experiment.append(...Object.keys(data.experiments).map(name => option(name)));
  const question = element("p", {class: "runs-question"});
  const picture = element("div", {class: "runs-picture"});
  const slider = element("input", {
    type: "range", min: 1, step: 1, "aria-label": "epoch", oninput: ({target}) => atEpoch(target.value),
  });
  const when = element("span", {class: "runs-when"});
  const from = element("input", {
    type: "number", min: 1, step: 1, inputmode: "numeric",
    onchange: ({target}) => change({from: Number(target.value)}),
  });
  const thin = element("input", {
    type: "checkbox", onchange: ({target}) => change({thin: target.checked}),
  });
  const said = element("p", {class: "runs-said", role: "status"});
  const legend = element("ul", {class: "runs-arms"});
  const seeds = element("fieldset", {class: "explorer-input"});
  const ends = element("div", {class: "table-scroll"});
  const [armLabel, arm] = select("runs-arm", "The arm", value => pair(value, choice.pair[1]));
  const [overLabel, over] = select("runs-over", "less the arm", value => pair(choice.pair[0], value));
  const verdict = element("p", {class: "runs-verdict", role: "status"});
  const pairs = element("div", {class: "table-scroll"});
  const figures = element("dl", {class: "explorer-sums"});
  const aim = element("input", {
    type: "number", step: "any", min: 0, inputmode: "decimal", "aria-label": "half-width to come to",
    onchange: ({target}) => change({aim: target.value === "" ? null : Number(target.value)}),
  });
  const aimUnit = element("span");
  const needed = element("p", {class: "runs-needed", role: "status"});
  const doubtful = element("p", {class: "explorer-wrong"});
  const all = element("details", {ontoggle: showAll},
    element("summary", {}, "All values, epoch by epoch"), element("div", {class: "table-scroll"}));
  const copying = element("p", {class: "explorer-said", role: "status"});
  const code = element("pre", {class: "explorer-code", tabindex: 0, hidden: true});
  const copy = inPage.copier(copying, code);

  home.replaceChildren(
    element("div", {class: "explorer-bar"}, experimentLabel, experiment, quantityLabel, quantity),
    question,
    picture,
    element("div", {class: "explorer-bar runs-epoch"}, slider, when),
    said,
    element("fieldset", {class: "runs-legend"},
      element("legend", {}, "Arms, and how each differs from the first"),
      element("div", {class: "explorer-bar"},
        button("All", () => change({arms: everyArm().map(({key}) => key)})),
        button("None", () => change({arms: []})),
        besideLabel, beside),
      legend),
    element("div", {class: "explorer-bar"},
      seeds, labelled("lines for seeds", thin), labelled("drawn from epoch", from)),
    ends,
    element("h2", {}, "Is there a difference?"),
    element("div", {class: "explorer-bar"}, armLabel, arm, overLabel, over,
      button("Swap", () => pair(...choice.pair.toReversed()))),
    verdict, figures, doubtful, pairs,
    element("div", {class: "explorer-bar"},
      element("label", {}, "Seeds for an interval of ±", aim, aimUnit)),
    needed,
    element("h2", {}, "To take along"),
    element("div", {class: "explorer-bar"},
      button("Copy link", () => copy(inPage.link(runs.toAddress(choice)), "The link", false)),
      button("Copy CSV", () => copy(runs.asCsv(choice), "The table")),
      button("Download CSV", () => inPage.saved(
        `${choice.experiment}-${choice.quantity}.csv`, runs.asCsv(choice)))),
    copying, code, all);

  // Changes.

  const everyArm = () => runs.armsOf(choice.experiment, choice.beside);

  function change(changes) {
    choice = runs.settled({...choice, ...changes});
    show();
  }

  function another(name) {
    const {quantity: before, thin: lines} = choice;
    choice = runs.settled({experiment: name, quantity: before, thin: lines});
    show();
  }

  const pair = (...two) => change({pair: two, arms: [...new Set([...choice.arms, ...two])]});
  const atEpoch = value => change({epoch: Number(value)});

  function toggle(key, on) {
    change({arms: on ? [...choice.arms, key] : choice.arms.filter(each => each !== key)});
  }

  // What is shown.

  const written = (value, more = 0) => (value === undefined ? "–"
    : value.toFixed(runs.digits(choice.quantity) + more).replace("-", "−"));
  const interval = ({mean, half}) =>
    (Number.isNaN(half) ? written(mean) : `${written(mean)} ± ${written(half)}`);
  const unit = () => runs.unit(choice.quantity);
  const epochs = () => runs.lastEpoch(choice.experiment, choice.beside);
  const moment = () => (choice.epoch ? `after epoch ${choice.epoch}` : "at the end of each run");
  const nameOf = key => (key === runs.PRINTED ? "printed by the tutorial" : key);
  const chosenArms = () => everyArm().filter(({key}) => choice.arms.includes(key));
  const look = key => {
    const place = choice.arms.indexOf(key);
    return {
      stroke: COLOURS[place % COLOURS.length],
      dash: DASHES[(place + Math.floor(place / COLOURS.length)) % DASHES.length],
    };
  };

  function show() {
    inPage.told(runs.toAddress(choice));
    const {question: asks, source} = data.experiments[choice.experiment];
    question.textContent = source ? `${asks} (${source})` : asks;
    fill(beside, [["", "none"], ...runs.fitting(choice.experiment).map(name => [name, name])]);
    fill(quantity, runs.quantitiesOf(everyArm()).map(name => [name, runs.words(name)]));
    for (const list of [arm, over]) fill(list, everyArm().map(({key}) => [key, key]));
    experiment.value = choice.experiment;
    beside.value = choice.beside;
    quantity.value = choice.quantity;
    [arm.value, over.value] = choice.pair;
    slider.max = epochs();
    slider.disabled = epochs() === 1;
    slider.value = choice.epoch ?? epochs();
    slider.setAttribute("aria-valuetext", choice.epoch ? `after epoch ${choice.epoch}` : moment());
    when.textContent = choice.epoch ? `after epoch ${choice.epoch} of ${epochs()}` : moment();
    from.value = choice.from;
    from.max = epochs() - 1;
    thin.checked = choice.thin;
    showLegend();
    showSeeds();
    draw();
    say(choice.epoch);
    showEnds();
    showDifference();
    showAll();
    code.hidden = true;
    copying.textContent = "";
  }

  function fill(list, options) {
    const now = JSON.stringify(options);
    if (list.dataset.options === now) return;
    list.dataset.options = now;
    list.replaceChildren(...options.map(([value, text]) => option(value, text)));
  }

  // The arms, with their lines: the legend of the drawing.

  function showLegend() {
    const arms = everyArm();
    const makings = new Set(arms.flatMap(each => each.runs.map(({making}) => making)));
    const items = arms.map(each => [each.key, [
      each.differs,
      makings.size > 1 && [...new Set(each.runs.map(({making}) => making))].join(" and "),
      unfinished(each),
    ].filter(Boolean).join("; ")]);
    if (runs.printed(choice.experiment).some(({column}) => column === choice.quantity)) {
      items.push([runs.PRINTED, "a curve of one run, not ours"]);
    }
    const id = JSON.stringify(items);
    if (legend.dataset.items !== id) {
      legend.dataset.items = id;
      legend.replaceChildren(...items.map(([key, about]) => armItem(key, about)));
    }
    for (const item of legend.children) {
      const {key} = item.dataset;
      item.querySelector("input").checked = choice.arms.includes(key);
      item.querySelector("svg").replaceChildren(...(choice.arms.includes(key) ? [sample(key)] : []));
      item.querySelector(".runs-number").textContent = numberOf(key);
    }
  }

  const numberOf = key => (choice.arms.includes(key) ? choice.arms.indexOf(key) + 1 : "");

  function armItem(key, about) {
    const box = element("input", {
      type: "checkbox", onchange: ({target}) => toggle(key, target.checked),
    });
    return element("li", {"data-key": key}, element("label", {}, box,
      element("span", {class: "runs-number"}),
      shape("svg", {width: 32, height: 12, "aria-hidden": "true"}),
      element("span", {class: "runs-name"}, element("b", {}, nameOf(key)),
        ...(about ? [" ", element("span", {}, about)] : []))));
  }

  const sample = key => {
    const {stroke, dash} = look(key);
    return shape("line", {
      x1: 0, x2: 32, y1: 6, y2: 6, stroke, "stroke-width": 3, "stroke-dasharray": dash,
    });
  };

  function unfinished({runs: each, recipe}) {
    const short = each.filter(run => run.epochs.length < recipe);
    return short.map(({seed, epochs: done}) =>
      `seed ${seed} ended after ${done.length} of ${recipe} epochs`).join("; ");
  }

  function showSeeds() {
    const every = runs.seedsOf(everyArm());
    seeds.hidden = every.length < 2;
    const id = JSON.stringify([choice.experiment, choice.beside]);
    if (seeds.dataset.of !== id) {
      seeds.dataset.of = id;
      seeds.replaceChildren(element("legend", {}, "Seeds"), ...every.map(seed => labelled(String(seed),
        element("input", {type: "checkbox", value: seed, onchange: chooseSeeds}))));
    }
    for (const box of seeds.querySelectorAll("input")) {
      box.checked = !choice.seeds || choice.seeds.includes(Number(box.value));
    }
  }

  function chooseSeeds() {
    const boxes = [...seeds.querySelectorAll("input:checked")];
    change({seeds: boxes.map(({value}) => Number(value))});
  }

  // The drawing.

  const byArm = curves => choice.arms.map(key => [key, curves.filter(curve => curve.key === key)])
    .filter(([, own]) => own.length);

  function draw() {
    const own = byArm(runs.curvesOf(choice));
    const last = Math.max(...own.flatMap(([, curves]) => curves.map(({points}) => points.at(-1)[0])));
    chart = null;
    if (!own.length) {
      picture.replaceChildren(element("p", {}, "No arm is chosen that has such values."));
      return;
    }
    const width = Math.max(280, picture.clientWidth);
    const wide = width >= WIDE;
    const longest = Math.max(...own.map(([key]) => nameOf(key).length));
    const names = wide ? Math.min(190, 30 + 6.8 * longest) : 30;
    const drawn = Plot.plot({
      width, height: Math.max(Math.min(420, width * 0.6), 260, LINE * own.length + 64),
      marginRight: names, marginLeft: 50, marginBottom: 34,
      style: {background: "transparent", color: "inherit", fontSize: "12px", overflow: "visible"},
      x: {
        label: "epoch", domain: [Math.min(choice.from, last - 1), last], ticks: steps(last),
        tickFormat: String,
      },
      y: {label: runs.titleOf(choice.quantity), grid: true, nice: true, ticks: 7},
      marks: own.flatMap(([key, curves]) => linesOf(key, curves)),
    });
    for (const part of drawn.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", `${runs.titleOf(choice.quantity)} by epoch: ` +
      `${own.map(([key]) => nameOf(key)).join(", ")}. The values stand in the tables below.`);
    chart = {
      svg: drawn, own, last, right: width - names,
      x: drawn.scale("x"), y: drawn.scale("y"),
    };
    drawn.append(...namesOf(wide), shape("g", {class: "runs-cursor"}));
    drawn.addEventListener("pointermove", hover);
    drawn.addEventListener("pointerleave", () => { mark(choice.epoch); say(choice.epoch); });
    drawn.addEventListener("click", event => change({epoch: epochUnder(event)}));
    picture.replaceChildren(drawn);
    mark(choice.epoch);
  }

  function steps(last) {
    const span = last - choice.from;
    const step = [1, 2, 5, 10, 20, 50, 100].find(each => span / each <= 8) ?? 200;
    const from_ = Math.ceil(choice.from / step) * step;
    return Array.from({length: Math.max(1, Math.floor((last - from_) / step) + 1)},
      (_, i) => from_ + i * step);
  }

  function linesOf(key, curves) {
    const {stroke, dash} = look(key);
    const mean = runs.meanCurve(curves);
    const single = mean.length === 1;
    const thinOnes = choice.thin && curves.length > 1
      ? curves.map(({points}) => Plot.line(points, {stroke, strokeWidth: 1, strokeOpacity: 0.55}))
      : [];
    const thick = key === runs.PRINTED ? 1.5 : 2.75;
    return [
      ...thinOnes,
      Plot.line(mean, {stroke, strokeWidth: thick, strokeDasharray: dash || undefined}),
      ...(single ? [Plot.dot(curves.map(({points}) => points[0]), {fill: stroke, r: 4})] : []),
    ];
  }

  // Names at the ends of the lines, none over another, each led to by a thin line.
  function namesOf(wide) {
    const {own, x, y, right} = chart;
    const ended = own.map(([key, curves]) => {
      const [epoch, value] = runs.meanCurve(curves).at(-1);
      return {key, from: [x.apply(epoch), y.apply(value)], at: y.apply(value)};
    }).sort((a, b) => a.at - b.at);
    const [low, high] = [...y.range].sort((a, b) => a - b);
    ended.forEach((each, i) => { each.at = Math.max(each.at, low, i ? ended[i - 1].at + LINE : low); });
    ended.reverse().forEach((each, i) => {
      each.at = Math.min(each.at, i ? ended[i - 1].at - LINE : high);
    });
    return ended.flatMap(({key, from: [left, top], at}) => [
      shape("path", {
        d: `M${left},${top}L${right},${top}L${right + 8},${at}`, fill: "none",
        stroke: look(key).stroke, "stroke-width": 1, "stroke-dasharray": "1 2",
      }),
      shape("text", {x: right + 11, y: at, dy: "0.32em", "text-anchor": "start"},
        wide ? `${numberOf(key)} ${nameOf(key)}` : String(numberOf(key))),
    ]);
  }

  // Values at an epoch: by the pointer, or by the slider, which keys move.

  function epochUnder(event) {
    const box = chart.svg.getBoundingClientRect();
    const at = chart.x.invert((event.clientX - box.left) * chart.svg.viewBox.baseVal.width / box.width);
    return Math.min(chart.last, Math.max(choice.from, Math.round(at)));
  }

  function hover(event) {
    const epoch = epochUnder(event);
    mark(epoch);
    say(epoch);
  }

  function mark(epoch) {
    if (!chart) return;
    const group = chart.svg.querySelector(".runs-cursor");
    group.replaceChildren();
    if (!epoch || epoch < choice.from || epoch > chart.last) return;
    const {own, x, y} = chart;
    const [low, high] = y.range;
    group.append(shape("line", {x1: x.apply(epoch), x2: x.apply(epoch), y1: low, y2: high}));
    for (const [key, curves] of own) {
      const point = runs.meanCurve(curves).findLast(([at]) => at <= epoch);
      if (point) {
        group.append(shape("circle", {
          cx: x.apply(point[0]), cy: y.apply(point[1]), r: 4, fill: look(key).stroke,
        }));
      }
    }
  }

  function valuesAt(key, epoch) {
    if (key === runs.PRINTED) {
      return runs.printed(choice.experiment).filter(({column}) => column === choice.quantity)
        .map(({run}) => runs.valueAt(run, choice.quantity, epoch)).filter(value => value !== undefined);
    }
    const arms = everyArm().filter(each => each.key === key);
    const found = runs.endsOf(arms, choice.quantity, {epoch, seeds: choice.seeds});
    return [...found.get(key).values()];
  }

  function say(epoch) {
    const told = choice.arms.map(key => [key, valuesAt(key, epoch)]).filter(([, own]) => own.length)
      .map(([key, own]) => `${nameOf(key)} ${interval(runs.meanInterval(own))}`);
    if (told.length > TOLD) told.splice(TOLD - 1, told.length, "and others, as the table has them");
    const start = epoch ? `After epoch ${epoch}` : "At the end of each run";
    said.textContent = told.length
      ? `${start}, ${runs.titleOf(choice.quantity)}: ${told.join("; ")}.` : "";
  }

  // Tables.

  const cell = text => element("td", {}, text);
  const heading = (text, scope) => (text ? element("th", {scope}, text) : element("td"));

  function table(caption, headings, rows) {
    return element("table", {class: "dataframe"}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...headings.map(text => heading(text, "col")))),
      element("tbody", {}, ...rows.map(([name, ...cells]) =>
        element("tr", {}, heading(name, "row"), ...cells.map(cell)))));
  }

  // Into a place that scrolls by itself, and by keyboard where it is too narrow for its table.
  function put(place, made) {
    place.replaceChildren(made);
    if (place.scrollWidth > place.clientWidth) {
      place.tabIndex = 0;
      place.setAttribute("role", "region");
      place.setAttribute("aria-label", made.caption.textContent);
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) place.removeAttribute(name);
    }
  }

  function showEnds() {
    const shown = choice.arms.filter(key => key !== runs.PRINTED);
    const arms = shown.map(key => everyArm().find(each => each.key === key));
    const found = runs.endsOf(arms, choice.quantity, choice);
    const columns = runs.seedsOf(arms).filter(seed => !choice.seeds || choice.seeds.includes(seed));
    const rows = shown.filter(key => found.get(key).size).map(key => {
      const values = [...found.get(key).values()];
      return [key, ...columns.map(seed => written(found.get(key).get(seed))),
        interval(runs.meanInterval(values)),
        values.length > 1 ? written(runs.deviation(values)) : "–"];
    });
    const printed = choice.arms.includes(runs.PRINTED) ? valuesAt(runs.PRINTED, choice.epoch) : [];
    rows.push(...printed.map(value =>
      [nameOf(runs.PRINTED), ...columns.map(() => ""), written(value), "–"]));
    const headings = ["", ...columns.map(seed => `seed ${seed}`), "mean, 95 % interval",
      "standard deviation"];
    put(ends, table(`${runs.titleOf(choice.quantity)} ${moment()}`, headings, rows));
  }

  function showDifference() {
    const found = runs.compared(choice);
    const [one, other] = choice.pair;
    const {problem, gained, pooled, mixed: notAlike} = found;
    for (const part of [figures, pairs, needed]) part.hidden = Boolean(problem);
    aim.value = choice.aim ?? runs.usualAim(choice.quantity);
    aimUnit.textContent = unit();
    const doubts = [
      notAlike && `These runs were not made alike. ${notAlike}.`,
      pooled?.alike < 0.05 && "The arms' spreads are unlike, so the pooled interval is not to be " +
        "relied on.",
    ].filter(Boolean);
    doubtful.hidden = !doubts.length;
    doubtful.textContent = doubts.join(" ");
    if (problem) {
      verdict.textContent = problem;
      return;
    }
    verdict.textContent = inWords(found);
    const by = ({half}) => (Number.isNaN(half) ? "–" : `± ${written(half)}`);
    const shown = [
      [`${one} less ${other}${unit() && `, ${unit()}`}`, written(gained.mean)],
      ["95 % interval by these differences alone", by(gained)],
      pooled
        ? [`pooled: by the spread of the ${pooled.arms.length} arms that have all seeds`, by(pooled)]
        : [`not pooled: ${found.alone}`, "–"],
      ...(pooled ? [["chance of spreads this unlike if all were one (Bartlett's test)",
        pooled.alike < 0.001 ? "below 0.1 %" : `${(100 * pooled.alike).toPrecision(2)} %`]] : []),
    ];
    figures.replaceChildren(...shown.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    const rows = gained.differences.map(({seed, arm: a, over: b, gained: less}) =>
      [`seed ${seed}`, written(a), written(b), written(less)]);
    put(pairs, table(`${runs.titleOf(choice.quantity)} ${moment()}, by seed`,
      ["", one, other, "difference"], rows));
    showNeeded(found);
  }

  function inWords({gained, pooled}) {
    const [one, other] = choice.pair;
    const {mean, half} = gained;
    const side = mean < 0 ? "below" : "above";
    const where = choice.epoch ? `After epoch ${choice.epoch}, ${one} stands` : `${one} ends`;
    const start = `${where} ${written(Math.abs(mean))} ${unit()} ${side} ${other}`.replace("  ", " ");
    if (Number.isNaN(half)) {
      return `${start}. With one seed, nothing tells how much of that is luck.`;
    }
    const outside = width => Math.abs(mean) > width;
    const [alone, all] = [outside(half), pooled && outside(pooled.half)];
    if (!pooled || alone === all) {
      const which = pooled ? "both intervals" : "the interval";
      return `${start}. 0 lies ${alone ? "outside" : "inside"} ${which}: ` +
        (alone ? "luck alone would rarely do that." : "it may be luck.");
    }
    return `${start}. 0 lies ${alone ? "outside" : "inside"} the interval by these differences alone, ` +
      `and ${all ? "outside" : "inside"} the pooled one.`;
  }

  function showNeeded({gained, pooled}) {
    const wanted = choice.aim ?? runs.usualAim(choice.quantity);
    const told = [];
    if (!Number.isNaN(gained.spread)) told.push([gained.spread, "by the spread of these differences"]);
    if (pooled) told.push([Math.SQRT2 * pooled.spread, "by the pooled one"]);
    const count = new Intl.NumberFormat("en-GB");
    const aimed = `For ± ${wanted} ${unit()}`.trimEnd();
    needed.textContent = told.length ? `${aimed} it takes ${told.map(([spread, by]) =>
      `${count.format(runs.seedsFor(wanted, spread))} seeds of each arm ${by} (${written(spread)})`)
      .join(", ")}.` : "One seed doesn't tell how many it takes.";
  }

  // A row for each epoch, a column for each line.
  function showAll() {
    const place = all.querySelector(".table-scroll");
    if (!all.open) return;
    const columns = byArm(runs.curvesOf(choice)).flatMap(([key, curves]) => [
      ...curves.map(({seed, points}) =>
        [seed === null ? nameOf(key) : `${key}, seed ${seed}`, new Map(points)]),
      ...(curves.length > 1 ? [[`${key}, mean`, new Map(runs.meanCurve(curves))]] : []),
    ]);
    const at = [...new Set(columns.flatMap(([, points]) => [...points.keys()]))].sort((a, b) => a - b);
    put(place, table(runs.titleOf(choice.quantity), ["epoch", ...columns.map(([name]) => name)],
      at.map(epoch => [String(epoch), ...columns.map(([, points]) => {
        const value = points.get(epoch);
        return value === undefined ? "" : written(value, 1);
      })])));
  }

  show();
  let width = picture.clientWidth;
  new ResizeObserver(() => {
    if (picture.clientWidth === width) return;
    width = picture.clientWidth;
    draw();
  }).observe(picture);
  window.addEventListener("hashchange", () => {
    const found = runs.fromAddress(inPage.asked());
    if (!found || runs.toAddress(found) === runs.toAddress(choice)) return;
    choice = found;
    show();
  });
}
