// What follows from recorded runs: means, differences with their intervals, seeds that it takes; and
// the same in other words: the address of the page, a CSV. No drawing. Intervals are computed as
// alexnet_course.results computes them.
//
// runsArithmetic({quantiles, makings, experiments}): quantiles are Student's, of 97.5 %, for 1, 2, …
// degrees of freedom

"use strict";

function runsArithmetic({quantiles, makings, experiments}) {
  const PRINTED = "printed"; // the name of a tutorial's own curve among the arms

  // Runs.

  const numbers = text => (text ? text.split(" ").map(Number) : []);

  function decoded(key, experiment, name, {measured_on, epochs, differs, runs}) {
    const columns = ["learning_rate", "train_loss", "train_accuracy", `${measured_on}_loss`,
      `${measured_on}_accuracy`];
    const first = runs[0].slice(2);
    return {
      key, experiment, name, differs, measuredOn: measured_on, recipe: epochs,
      runs: runs.map(([seed, making, ...texts]) => {
        const values = Object.fromEntries(columns.map((column, i) =>
          [column, numbers(texts[i] ?? first[i])]));
        return {
          seed, making: makings[making], values,
          epochs: values.train_loss.map((_, i) => i + 1),
        };
      }),
    };
  }

  function printed(experiment) {
    const curves = Object.entries(experiments[experiment].printed ?? {});
    return curves.map(([column, [epochs, values]]) =>
      ({column, run: {seed: null, epochs: numbers(epochs), values: {[column]: numbers(values)}}}));
  }

  const known = new Map();

  // The arms of an experiment, and of another beside it, whose names are then in front.
  function armsOf(experiment, beside = "") {
    const id = `${experiment}/${beside}`;
    if (!known.has(id)) {
      const of = (from, before) => Object.entries(experiments[from].arms).map(([name, arm]) =>
        decoded(before + name, from, name, arm));
      known.set(id, [...of(experiment, ""), ...(beside ? of(beside, `${beside}/`) : [])]);
    }
    return known.get(id);
  }

  // The value of a run after an epoch, or at its end; one that has ended before keeps its last.
  function valueAt({epochs, values}, column, epoch = null) {
    const found = values[column] ?? [];
    const place = epoch === null ? found.length - 1 : epochs.findLastIndex(at => at <= epoch);
    return found[place];
  }

  // By arm, then by seed: what each run has come to.
  function endsOf(arms, column, {epoch = null, seeds = null} = {}) {
    return new Map(arms.map(({key, runs}) => [key, new Map(runs
      .filter(({seed}) => !seeds || seeds.includes(seed))
      .map(run => [run.seed, valueAt(run, column, epoch)])
      .filter(([, value]) => value !== undefined))]));
  }

  // Means and intervals.

  const sum = values => values.reduce((total, value) => total + value, 0);
  const mean = values => sum(values) / values.length;
  const deviation = values =>
    Math.sqrt(sum(values.map(x => (x - mean(values)) ** 2)) / (values.length - 1));

  // Student's quantile of 97.5 %: kept for few degrees of freedom, for many by its series about the
  // normal distribution's (Abramowitz & Stegun 26.7.5).
  function quantile(degrees) {
    if (degrees <= quantiles.length) return quantiles[degrees - 1];
    const x = 1.959963984540054;
    const terms = [
      (x ** 3 + x) / 4,
      (5 * x ** 5 + 16 * x ** 3 + 3 * x) / 96,
      (3 * x ** 7 + 19 * x ** 5 + 17 * x ** 3 - 15 * x) / 384,
      (79 * x ** 9 + 776 * x ** 7 + 1482 * x ** 5 - 1920 * x ** 3 - 945 * x) / 92160,
    ];
    return terms.reduce((total, term, i) => total + term / degrees ** (i + 1), x);
  }

  // mean_interval: the half-width is NaN for a single value.
  function meanInterval(values) {
    const n = values.length;
    const half = n < 2 ? NaN : quantile(n - 1) * deviation(values) / Math.sqrt(n);
    return {mean: mean(values), half};
  }

  // gains_of_pairs: by how much one arm ends above another, paired by seed.
  function gain(ends, arm, over) {
    const differences = [...ends.get(arm)].filter(([seed]) => ends.get(over).has(seed))
      .map(([seed, value]) => ({seed, arm: value, over: ends.get(over).get(seed)}))
      .map(pair => ({...pair, gained: pair.arm - pair.over}));
    const values = differences.map(({gained}) => gained);
    return {differences, ...meanInterval(values), spread: deviation(values)};
  }

  // The arms that have all seeds.
  function whole(ends) {
    const seeds = [...new Set([...ends.values()].flatMap(of => [...of.keys()]))];
    const rows = [...ends].filter(([, of]) => seeds.every(seed => of.has(seed)))
      .map(([key, of]) => [key, seeds.map(seed => of.get(seed))]);
    return {seeds, rows: new Map(rows)};
  }

  // two_way: analysis of variance by arm and seed; nothing where nothing is left to judge chance by.
  function twoWay(ends) {
    const {seeds, rows} = whole(ends);
    const degrees = (rows.size - 1) * (seeds.length - 1);
    if (degrees < 1) return null;
    const left = [...rows.values()].map(row => row.map(value => value - mean(row)));
    const ofSeeds = seeds.map((_, i) => mean(left.map(row => row[i])));
    const squares = left.flatMap(row => row.map((value, i) => (value - ofSeeds[i]) ** 2));
    const largest = Math.max(...[...rows.values()].flat().map(Math.abs));
    const spread = Math.sqrt(sum(squares) / degrees);
    if (spread <= 1e-12 * largest) return null;
    return {
      spread, degrees, arms: [...rows.keys()],
      seeds, alike: alikeSpreads([...rows.values()]),
    };
  }

  // The share of the chi-squared distribution above a value: the incomplete gamma function, by its
  // series where that converges soon, else by its continued fraction (Lentz's way).
  function chiSquaredAbove(value, degrees) {
    const [a, x] = [degrees / 2, value / 2];
    if (!(x > 0)) return 1;
    if (x === Infinity) return 0;
    let logGamma = degrees % 2 ? Math.log(Math.PI) / 2 : 0;
    for (let at = degrees % 2 ? 0.5 : 1; at < a; at += 1) logGamma += Math.log(at);
    const front = Math.exp(a * Math.log(x) - x - logGamma);
    if (x < a + 1) {
      let [term, total] = [1 / a, 1 / a];
      for (let n = 1; term > total * 1e-16; n += 1) {
        term *= x / (a + n);
        total += term;
      }
      return 1 - front * total;
    }
    let b = x + 1 - a;
    let c = Infinity;
    let d = 1 / b;
    let fraction = d;
    for (let n = 1, step = 0; Math.abs(step - 1) > 1e-15; n += 1) {
      b += 2;
      d = 1 / (b - n * (n - a) * d);
      c = b - n * (n - a) / c;
      step = c * d;
      fraction *= step;
    }
    return front * fraction;
  }

  // Bartlett's test: how likely spreads of rows this unlike would be if all were one.
  function alikeSpreads(rows) {
    const variances = rows.map(row => deviation(row) ** 2);
    const [k, free] = [rows.length, rows[0].length - 1];
    const logs = Math.log(mean(variances)) - mean(variances.map(Math.log));
    const statistic = k * free * logs / (1 + (k / free - 1 / (k * free)) / (3 * (k - 1)));
    return chiSquaredAbove(statistic, k - 1);
  }

  // pooled_interval of a difference; nothing where one of the arms lacks a seed.
  function pooledInterval(ends, arm, over) {
    const {seeds, rows} = whole(ends);
    const fit = twoWay(ends);
    if (!fit || !rows.has(arm) || !rows.has(over)) return null;
    return {
      mean: mean(rows.get(arm)) - mean(rows.get(over)),
      half: quantile(fit.degrees) * fit.spread * Math.sqrt(2 / seeds.length),
      ...fit,
    };
  }

  // seeds_for: how many bring a 95 % interval to a half-width of at most aim.
  function seedsFor(aim, spread) {
    const enough = n => quantile(n - 1) * spread / Math.sqrt(n) <= aim;
    let [few, many] = [1, 2];
    while (!enough(many)) [few, many] = [many, 2 * many];
    while (many - few > Math.max(1, many * 1e-15)) {
      const middle = Math.floor((few + many) / 2);
      if (enough(middle)) many = middle;
      else few = middle;
    }
    return many;
  }

  // What Python warns of: runs that are compared and were not made alike. Empty if they were.
  function mixing(arms, keys, seeds) {
    const alike = new Map();
    for (const {key, runs} of keys.map(key => arms.find(arm => arm.key === key))) {
      for (const {seed, making} of runs.filter(run => seeds.includes(run.seed))) {
        alike.set(making, [...(alike.get(making) ?? []), `${key}, seed ${seed}`]);
      }
    }
    const told = [...alike].map(([making, runs]) =>
      `${runs[0]}${runs.length > 1 ? ` and ${runs.length - 1} more` : ""}: ${making}`);
    return told.length > 1 ? told.join("; ") : "";
  }

  // The difference that a choice asks for, with all that is to be said of it: {problem}, or {gained,
  // pooled, alone, mixed}. Alone says why nothing is pooled, mixed what was not made alike.
  function compared(choice) {
    const [arm, over] = choice.pair;
    const arms = armsOf(choice.experiment, choice.beside);
    const measured = key => arms.find(each => each.key === key).measuredOn;
    if (arms.length < 2) {
      return {problem: "There is one arm alone; choose an experiment whose arms stand beside it."};
    }
    if (arm === over) return {problem: "Choose two arms."};
    if (choice.quantity === "learning_rate") {
      return {problem: "A learning rate is set, not measured: there is no luck in it to judge."};
    }
    if (measured(arm) !== measured(over)) {
      return {problem: `${arm} was measured on ${measured(arm)} images and ${over} on ` +
        `${measured(over)} images. Such numbers are not compared.`};
    }
    const alike = arms.filter(({measuredOn}) => measuredOn === measured(arm));
    const ends = endsOf(alike, choice.quantity, choice);
    const gained = gain(ends, arm, over);
    const seeds = gained.differences.map(({seed}) => seed);
    if (!seeds.length) return {problem: `${arm} and ${over} have no seed in common.`};
    const pooled = pooledInterval(ends, arm, over);
    return {
      gained, pooled,
      alone: pooled ? "" : whyAlone(ends, arm, over),
      mixed: mixing(alike, [arm, over], seeds) ||
        (pooled ? mixing(alike, pooled.arms, pooled.seeds) : ""),
    };
  }

  function whyAlone(ends, arm, over) {
    const {seeds, rows} = whole(ends);
    if (seeds.length < 2) return "one seed leaves nothing to judge chance by";
    const lacking = [arm, over].filter(key => !rows.has(key));
    if (!lacking.length) return "every run is what its arm and its seed make it, to the last digit";
    const missing = key => seeds.filter(seed => !ends.get(key).has(seed)).join(", ");
    return lacking.map(key => `${key} lacks seeds that others have; leave out ${missing(key)}`)
      .join("; ");
  }

  // Columns, in words.

  const ORDER = ["test_accuracy", "validation_accuracy", "test_loss", "validation_loss",
    "train_accuracy", "train_loss", "learning_rate"];

  const quantitiesOf = arms => ORDER.filter(column => arms.some(({runs}) =>
    runs.some(({values}) => column in values)));

  const isShare = column => column.endsWith("accuracy");
  const isLoss = column => column.endsWith("loss");
  const words = column => column.replace("train_", "training ").replace("_", " ");
  const unit = column => (isShare(column) ? "points" : isLoss(column) ? "nats" : "");
  const titleOf = column => words(column) + (isShare(column) ? " (%)" : isLoss(column) ? " (nats)" : "");
  const digits = column => (isShare(column) ? 2 : isLoss(column) ? 3 : 5);

  // A choice of what is shown, and the address that says it.
  //
  // {experiment, beside, quantity, arms, pair, epoch, seeds, aim, from, thin}: epoch null is each
  // run's end, seeds null are all

  function usual(experiment, beside = "") {
    const arms = armsOf(experiment, beside);
    const keys = arms.map(({key}) => key);
    const own = experiments[experiment].printed?.[`${arms[0].measuredOn}_accuracy`];
    return {
      experiment, beside,
      quantity: `${arms[0].measuredOn}_accuracy`,
      arms: [...keys.slice(0, 4), ...(own ? [PRINTED] : [])],
      pair: [keys[0], keys[1] ?? keys[0]],
      epoch: null, seeds: null, aim: null, from: 1, thin: true,
    };
  }

  const usualAim = column => (isShare(column) ? 0.5 : isLoss(column) ? 0.02 : 0.001);

  // The experiments whose arms can stand beside an experiment's: measured on the same images.
  function fitting(experiment) {
    const measured = name => Object.values(experiments[name].arms).map(arm => arm.measured_on);
    const all = new Set(measured(experiment));
    return Object.keys(experiments).filter(name => name !== experiment &&
      measured(name).every(on => all.has(on)));
  }

  // A choice that can be shown: what isn't there is as usual.
  function settled(choice) {
    const beside = fitting(choice.experiment).includes(choice.beside) ? choice.beside : "";
    const base = usual(choice.experiment, beside);
    const arms = armsOf(choice.experiment, beside);
    const keys = [...arms.map(({key}) => key), PRINTED];
    const chosen = (choice.arms ?? base.arms).filter(key => keys.includes(key));
    const pair = choice.pair ?? base.pair;
    const quantity = quantitiesOf(arms).includes(choice.quantity) ? choice.quantity : base.quantity;
    const longest = lastEpoch(choice.experiment, beside);
    const all = seedsOf(arms);
    const seeds = choice.seeds?.filter(seed => all.includes(seed)) ?? [];
    const whole = (value, least, most) => Number.isInteger(value) && value >= least && value < most;
    return {
      experiment: choice.experiment, beside, quantity,
      arms: chosen.length || choice.arms?.length === 0 ? chosen : base.arms,
      pair: pair.length === 2 && pair.every(key => key !== PRINTED && keys.includes(key)) ? pair
        : base.pair,
      epoch: whole(choice.epoch, 1, longest) ? choice.epoch : null,
      seeds: seeds.length && seeds.length < all.length ? seeds : null,
      aim: choice.aim > 0 && Number.isFinite(choice.aim) ? choice.aim : null,
      from: whole(choice.from, 1, longest) ? choice.from : 1,
      thin: choice.thin ?? true,
    };
  }

  const seedsOf = arms => [...new Set(arms.flatMap(({runs}) => runs.map(({seed}) => seed)))]
    .sort((a, b) => a - b);

  // The last epoch that there is, the tutorial's too.
  function lastEpoch(experiment, beside) {
    const all = [...armsOf(experiment, beside).flatMap(({runs}) => runs),
      ...printed(experiment).map(({run}) => run)];
    return Math.max(1, ...all.map(({epochs}) => Math.ceil(epochs.at(-1) ?? 0)));
  }

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  function toAddress(choice) {
    const base = usual(choice.experiment, choice.beside);
    const said = [["experiment", choice.experiment]];
    for (const key of ["beside", "quantity", "arms", "pair", "epoch", "seeds", "aim", "from"]) {
      const value = choice[key];
      const differs = key === "beside" ? value : !same(value, base[key]);
      if (differs) said.push([key, Array.isArray(value) ? value.join(",") : String(value)]);
    }
    if (!choice.thin) said.push(["thin", "off"]);
    const written = text => encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%2F", "/");
    return said.map(([key, value]) => `${key}=${written(value)}`).join("&");
  }

  // The choice that an address says; null where it names no experiment.
  function fromAddress(text) {
    const said = new URLSearchParams(text);
    if (!Object.hasOwn(experiments, said.get("experiment") ?? "")) return null;
    const list = key => said.get(key)?.split(",").filter(Boolean);
    const number = key => (said.has(key) ? Number(said.get(key)) : null);
    return settled({
      experiment: said.get("experiment"), beside: said.get("beside") ?? "",
      quantity: said.get("quantity"), arms: list("arms"), pair: list("pair"),
      epoch: number("epoch"), seeds: list("seeds")?.map(Number), aim: number("aim"),
      from: number("from"), thin: said.get("thin") !== "off",
    });
  }

  // The curves that are shown, a run each: {key, seed, points: [[epoch, value], …]}.
  function curvesOf(choice) {
    const {experiment, beside, quantity, seeds, from} = choice;
    const arms = new Map(armsOf(experiment, beside).map(arm => [arm.key, arm]));
    const points = ({epochs, values}) => epochs.map((epoch, i) => [epoch, values[quantity]?.[i]])
      .filter(([epoch, value]) => value !== undefined && epoch >= from);
    return choice.arms.flatMap(key => {
      const runs = key === PRINTED
        ? printed(experiment).filter(({column}) => column === quantity).map(({run}) => run)
        : arms.get(key).runs.filter(({seed}) => !seeds || seeds.includes(seed));
      return runs.map(run => ({key, seed: run.seed, points: points(run)}));
    }).filter(({points}) => points.length);
  }

  // The mean of curves of one arm, as far as all of them go.
  function meanCurve(curves) {
    const shortest = Math.min(...curves.map(({points}) => points.length));
    return curves[0].points.slice(0, shortest).map(([epoch], i) =>
      [epoch, mean(curves.map(({points}) => points[i][1]))]);
  }

  function asCsv(choice) {
    const arms = new Map(armsOf(choice.experiment, choice.beside).map(arm => [arm.key, arm]));
    const rows = curvesOf(choice).flatMap(({key, seed, points}) => {
      const {experiment, name} = arms.get(key) ?? {experiment: choice.experiment, name: key};
      return points.map(point => [experiment, name, seed ?? "", ...point].join(","));
    });
    return [`experiment,arm,seed,epoch,${choice.quantity}`, ...rows, ""].join("\n");
  }

  return {PRINTED, armsOf, asCsv, compared, curvesOf, deviation, digits, endsOf, fitting, fromAddress,
    lastEpoch, meanCurve, meanInterval, printed, quantile, quantitiesOf, seedsFor, seedsOf, settled,
    titleOf, toAddress, unit, usual, usualAim, valueAt, words};
}
