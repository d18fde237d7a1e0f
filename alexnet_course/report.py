"""A run on one's own pictures as one page: ``report.html``, which needs no network and no script.

Curves, confusion, the worst mistakes with their pictures, the data and the settings; light or dark
as the reader's system is.
"""

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from scipy.stats import binomtest

from alexnet_course.checkpoints import write_atomically
from alexnet_course.data.parting import TEST, TRAIN, VALIDATION
from alexnet_course.figures import plot_lines
from alexnet_course.measures import confusion_counts
from alexnet_course.own import Trained, mean_recall
from alexnet_course.tables import Table, show

MOST_MISTAKES = 24
THUMBNAIL = 96  # pixels a side, at least
# The colours of alexnet_course.figures, each with a name that has another value in the dark.
COLOURS = {
    "#fefefe": "none",
    "#000000": "currentColor",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--red)",
    "#009e73": "var(--green)",
    "#dddddd": "var(--line)",
}
STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1b1b1b; --soft: #555; --line: #ddd;
  --blue: #0072b2; --red: #b04a00; --green: #00775a; --right: 0, 114, 178; --wrong: 213, 94, 0; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181e; --text: #e6e9ee; --soft: #a9afb7;
  --line: #3b414a; --blue: #7cc0ff; --red: #ff8a4c; --green: #2fc296; --right: 90, 160, 230;
  --wrong: 230, 120, 50; } }
body { margin: 0 auto; max-width: 60rem; padding: 1rem 1rem 3rem; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.found { font-size: 1.25rem; } .soft { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th[scope=row], thead > tr > :first-child { text-align: left; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
svg { width: 100%; height: auto; max-width: 40rem; }
svg text { fill: currentColor !important; }
summary { cursor: pointer; padding: .5rem 0; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr));
  gap: 1rem; padding: 0; list-style: none; }
figure { margin: 0; } figcaption { font-size: .9rem; overflow-wrap: anywhere; }
@media (max-width: 30rem) { svg text { font-size: 14px !important; } }
figure img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(result: Trained, path: Path) -> None:
    """Write the page, all or nothing."""
    text = report(result).encode()
    write_atomically(path, lambda file: file.write(text))


def report(result: Trained) -> str:
    """The page, as HTML."""
    name = escape(result.parted.data.name)
    sections = (
        _found(result),
        _curves(result),
        _confusion(result),
        _mistakes(result),
        _data(result),
        _settings(result),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: a network trained on it</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{name}: a network trained on it</h1>\n"
        f"{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def counts_of(result: Trained) -> torch.Tensor:
    """The confusion of the test pictures: int64 ``[classes, classes]``."""
    guesses = result.probabilities.argmax(1)
    return confusion_counts(guesses, result.parted.test.labels, len(result.parted.data.classes))


def verdict(counts: torch.Tensor) -> str:
    """How many test pictures are right, and between which shares the truth lies."""
    right, all_of = int(counts.trace()), int(counts.sum())
    low, high = binomtest(right, all_of).proportion_ci(method="wilson")
    return (
        f"{right:,} of {all_of:,} test pictures right, {100 * right / all_of:.0f} % (95 %: "
        f"{100 * low:.0f} to {100 * high:.0f} %); mean of the classes {mean_recall(counts):.0f} %"
    )


def _found(result: Trained) -> str:
    epochs = len(result.history.rows)
    return (
        f'<p class="found">{verdict(counts_of(result))}.</p>\n'
        f"<p>The network is that of epoch {result.epoch} of {epochs}, the best by validation "
        f"({max(result.scores):.1f} %). No test picture was looked at before.</p>\n"
    )


def _curves(result: Trained) -> str:
    frame = result.history.frame.set_index("epoch")
    accuracy = pd.DataFrame(
        {"training": frame["train_accuracy"], "validation": result.scores[: len(frame)]}
    )
    loss = frame[["train_loss", "validation_loss"]]
    loss = loss.rename(columns={"train_loss": "training", "validation_loss": "validation"})
    last = accuracy.iloc[-1]
    drawn = [
        _drawing(
            plot_lines(accuracy, "epoch", "accuracy (%)").svg(),
            f"Accuracy by epoch; at the end, training {last['training']:.0f} and validation "
            f"{last['validation']:.0f} per cent.",
        ),
        _drawing(
            plot_lines(loss, "epoch", "loss (nats)").svg(),
            f"Loss by epoch; at the end, training {loss.iloc[-1, 0]:.2f} and validation "
            f"{loss.iloc[-1, 1]:.2f}.",
        ),
    ]
    numbers = accuracy.add_suffix(" accuracy").join(loss.add_suffix(" loss"))
    return (
        f"<h2>Curves</h2>\n{''.join(drawn)}\n<p class='soft'>Training accuracy is that of pictures "
        "which were changed at random, while the weights moved; validation is the mean of the "
        "classes.</p>\n<details><summary>The numbers</summary>"
        f"{_table(show(numbers), 'By epoch')}</details>\n"
    )


def _drawing(svg: str, label: str) -> str:
    """A chart within the page: its colours follow the page's, its words are the label's."""
    head, _, rest = svg.partition("<metadata>")
    svg = head + rest.partition("</metadata>")[2] if rest else svg
    start, end = svg.index("<style>"), svg.index("</style>") + len("</style>")
    svg = svg[:start] + svg[end:]
    for colour, name in COLOURS.items():
        svg = svg.replace(colour, name)
    svg = svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    svg = svg.replace(' xmlns="http://www.w3.org/2000/svg"', "").replace("xlink:href", "href")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _confusion(result: Trained) -> str:
    classes, counts = result.parted.data.classes, counts_of(result)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (*classes, "right (%)"))
    rows = []
    for place, (name, row) in enumerate(zip(classes, counts.tolist(), strict=True)):
        share = f"{100 * row[place] / sum(row):.0f}" if sum(row) else ""
        cells = "".join(_cell(n, n / max(sum(row), 1), place == at) for at, n in enumerate(row))
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}<td>{share}</td></tr>')
    return (
        f"<h2>Confusion</h2>\n{_region('Confusion')}<table><caption>Test pictures: a row for each "
        f"class, a column for each guess.</caption><thead><tr><td></td>{head}</tr></thead><tbody>"
        f"{''.join(rows)}</tbody></table></div>\n"
    )


def _cell(count: int, share: float, right: bool) -> str:
    if not count:
        return "<td></td>"
    colour = f"rgba(var(--{'right' if right else 'wrong'}), {0.1 + 0.25 * share:.2f})"
    number = f"<strong>{count:,}</strong>" if right else f"{count:,}"
    return f'<td style="background: {colour}">{number}</td>'


def _mistakes(result: Trained) -> str:
    labels, classes = result.parted.test.labels, result.parted.data.classes
    sure, guesses = result.probabilities.max(1)
    wrong = (guesses != labels).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True)][:MOST_MISTAKES]
    if not len(worst):
        return "<h2>Worst mistakes</h2>\n<p>There are none.</p>\n"
    images = result.parted.test[worst].batches(torch.arange(len(worst)), len(worst), "cpu")
    names = result.parted.names[TEST]
    figures = "".join(
        f'<li><figure><img src="{_thumbnail(image)}" alt=""><figcaption>{escape(names[place])}: '
        f"is {escape(classes[labels[place]])}, guessed <strong>"
        f"{escape(classes[guesses[place]])}</strong> with {100 * float(sure[place]):.0f} %"
        "</figcaption></figure></li>"
        for image, place in zip(next(images)[0], worst.tolist(), strict=True)
    )
    return (
        f"<h2>Worst mistakes</h2>\n<p>The network was surest of these, of {len(wrong):,} wrong "
        f'guesses. Some may be wrongly sorted.</p>\n<ul class="mistakes">{figures}</ul>\n'
    )


def _thumbnail(image: torch.Tensor) -> str:
    """A picture as the network saw it, as an address that holds all of it."""
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    if picture.width > THUMBNAIL:
        picture = picture.resize((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _data(result: Trained) -> str:
    ours = result.parted
    frame = pd.DataFrame(
        {part: ours.counts[part] for part in (TRAIN, VALIDATION, TEST)}, index=ours.data.classes
    )
    frame.insert(0, "output", range(len(frame)))
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*ours.notes, *result.notes))
    return f"<h2>Data</h2>\n{_table(show(frame), 'Pictures')}\n<ul>{notes}</ul>\n"


def _settings(result: Trained) -> str:
    chosen = result.plan
    said: dict[str, Any] = {
        "network": chosen.network,
        "input": f"{chosen.side} × {chosen.side} pixels",
        "pictures read at": f"{chosen.size} × {chosen.size} pixels, the middle square",
        "recipe": chosen.recipe.name,
        **chosen.recipe.settings(),
        "seed": chosen.seed,
        "began with": chosen.start or "first weights",
        "last layer alone": chosen.frozen,
    }
    frame = pd.DataFrame({"value": {key: _words(value) for key, value in said.items()}})
    return f"<h2>Settings</h2>\n{_table(show(frame), 'Settings')}\n"


def _words(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _table(table: Table, about: str) -> str:
    """A table that scrolls by itself where the page is narrow, also by keyboard."""
    return f"{_region(about)}{table._repr_html_()}</div>"


def _region(about: str) -> str:
    return f'<div class="wide" tabindex="0" role="region" aria-label="{about}">'
