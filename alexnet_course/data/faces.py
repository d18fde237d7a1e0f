"""Drawn faces with seven expressions, in the form of FER2013: 48 × 48 pixels, grey.

An expression is a row of numbers: how far the brows are raised, the eyes open, the corners of the
mouth drawn up. A face has the numbers of a neutral one, moved some way towards those of its class.
Everything else varies: the person, the place, the light, the noise. All faces are drawings of this
course, not photographs.
"""

import numpy as np
from PIL import Image, ImageDraw

from alexnet_course.data.images import ImageData, Split

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
FINER = 4  # drawn so many times larger, then averaged

# Lengths are in units of half the height of a head, x to the right and y down, from its centre.
FEATURES = (
    "brow_height",  # of the middle of a brow above its place at rest
    "brow_slope",  # how much lower its inner end is than its outer end
    "brow_arch",  # height of its middle above its ends
    "upper_lid",  # height of the eye above its corners
    "lower_lid",  # depth of the eye below its corners
    "droop",  # how much lower the outer corner of an eye is than the inner one
    "iris",  # radius
    "mouth_width",  # half of it
    "mouth_curve",  # how much higher its corners are than its middle
    "upper_lip",  # how far its middle is raised from the line between closed lips
    "lower_lip",  # how far its middle is lowered from it
    "teeth",  # share of the open mouth
    "sneer",  # how far one side of the upper lip is raised
    "folds",  # darkness, 0 to 1, of the folds from the nose to the mouth
    "wrinkles",  # darkness, 0 to 1, of the wrinkles on the nose
)
NEUTRAL = np.array([0, 0, 0.04, 0.075, 0.05, 0, 0.065, 0.26, 0, 0.012, 0.012, 0, 0, 0.1, 0])
EXPRESSIONS = {
    "angry": [-0.12, 0.2, 0, 0.05, 0.04, -0.03, 0.06, 0.25, -0.09, 0.05, 0.06, 0.9, 0, 0.3, 0.2],
    "disgust": [-0.07, 0.1, 0, 0.035, 0.025, 0, 0.06, 0.23, -0.1, 0.06, 0.02, 0.4, 0.13, 1, 1],
    "fear": [0.1, -0.16, 0, 0.13, 0.08, 0.02, 0.045, 0.32, -0.07, 0.04, 0.1, 0.35, 0, 0.1, 0],
    "happy": [0.02, 0, 0.06, 0.06, 0.01, 0, 0.065, 0.38, 0.15, 0.01, 0.12, 0.5, 0, 0.8, 0],
    "neutral": NEUTRAL,
    "sad": [0.02, -0.22, 0.02, 0.045, 0.05, 0.06, 0.065, 0.22, -0.13, 0.012, 0.025, 0, 0, 0.3, 0],
    "surprise": [0.17, 0, 0.1, 0.14, 0.08, 0, 0.05, 0.16, 0, 0.12, 0.2, 0.08, 0, 0, 0],
}
VARIATION = np.array(  # standard deviation between faces of one class, whatever their expression
    [0.025, 0.03, 0.02, 0.012, 0.008, 0.012, 0.006, 0.03, 0.02, 0.008, 0.01, 0.1, 0.01, 0.15, 0.1]
)
SMALLEST = np.array([-1, -1, -1, 0.01, 0.01, -1, 0.03, 0.1, -1, 0.004, 0.004, 0, 0, 0, 0])

# Points of the plane are complex numbers, x + iy: turning and scaling is one multiplication.
_T = np.linspace(-1, 1, 13)
_ARC = 1 - _T**2  # 0 at both ends, 1 in the middle
_RISE = (_T + 1) / 2  # from 0 to 1
_AFTER, _BEFORE = np.minimum(np.arange(13) + 1, 12), np.maximum(np.arange(13) - 1, 0)
_TAPER = np.sqrt(1.15 - _T**2) / 2
_CIRCLE = np.exp(1j * np.linspace(0, 2 * np.pi, 28, endpoint=False))


def drawn_faces(seed: int = 0, train: int = 200, test: int = 50, size: int = 48) -> ImageData:
    """Seven drawn expressions, ``train`` + ``test`` images of each, ``size`` pixels a side.

    Classes, size and grey are those of FER2013; the three channels of an image are equal. The
    same arguments give the same images; only between kinds of processor can a few values differ,
    because sines may be rounded differently. Both parts are drawn independently from one
    distribution: the size of one does not change the other. 1,750 faces take about two seconds.
    """
    for name, value in (("train", train), ("test", test), ("size", size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    drawn, held_out = (
        _make_split(np.random.default_rng([seed, number]), count, size)
        for number, count in enumerate((train, test))
    )
    return ImageData(
        "drawn faces",
        CLASSES,
        drawn,
        held_out,
        held_out_name="test",
        source="drawings of faces made by this course (not photographs, and NOT FER2013)",
    )


def _make_split(rng: np.random.Generator, count: int, size: int) -> Split:
    labels = np.repeat(np.arange(len(CLASSES)), count)
    grey = np.stack([_face(rng, CLASSES[label], size) for label in labels])
    return Split.in_canonical_order(np.repeat(grey[:, None], 3, axis=1), labels)


class _Canvas:
    """Fills shapes, given in units of the head, on a grey square of ``side`` pixels."""

    def __init__(self, side: int, grey: float, centre: complex, turn: complex):
        self.image = Image.new("L", (side, side), round(grey))
        self.pen = ImageDraw.Draw(self.image)
        self.centre, self.turn = centre, turn

    def fill(self, points: np.ndarray, grey: float) -> None:
        """A polygon."""
        pixels = points * self.turn + self.centre
        self.pen.polygon(pixels.view(np.float64).tolist(), fill=round(grey))

    def between(self, upper: np.ndarray, lower: np.ndarray, grey: float) -> None:
        """What lies between two curves that run the same way."""
        self.fill(np.concatenate([upper, lower[::-1]]), grey)

    def line(self, points: np.ndarray, width: float, grey: float) -> None:
        """A curve of 13 points, ``width`` wide and thinner towards its ends."""
        along = points[_AFTER] - points[_BEFORE]
        across = 1j * width * _TAPER * along / np.abs(along)
        self.between(points + across, points - across, grey)


def _face(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
    """One face: uint8 ``[size, size]``."""
    strength = rng.uniform(0.35, 1)
    features = NEUTRAL + strength * (np.array(EXPRESSIONS[name]) - NEUTRAL)
    features += VARIATION * rng.standard_normal(len(FEATURES))
    f = dict(zip(FEATURES, np.maximum(features, SMALLEST).tolist(), strict=True))

    # The person, the place and the light: distributed alike in every class.
    skin, ground, hair = rng.uniform(90, 225), rng.uniform(10, 245), rng.uniform(10, 230)
    ink = skin * rng.uniform(0.1, 0.4)
    pale = min(255, skin + 60)
    line = rng.uniform(0.035, 0.07)
    wide, jaw, fringe = rng.uniform(0.7, 0.88), rng.uniform(0, 0.25), rng.uniform(-1.1, -0.45)
    apart, level, eye = rng.uniform(0.28, 0.36), rng.uniform(-0.2, -0.1), rng.uniform(0.15, 0.19)
    brow = line * rng.uniform(0.8, 1.8)
    nose = level + rng.uniform(0.26, 0.38)
    lips = rng.uniform(0.42, 0.54)
    sneering = rng.choice([-0.45, 0.45])
    side = FINER * size
    centre = complex(*rng.uniform(0.42, 0.58, 2)) * side
    turn = rng.uniform(0.36, 0.47) * side * np.exp(1j * rng.uniform(-0.3, 0.3))
    canvas = _Canvas(side, ground, centre, turn)

    def shade(darkness: float) -> float:
        return skin + min(darkness, 1) * (ink - skin)

    head = _CIRCLE.real * wide * (1 - jaw * np.maximum(_CIRCLE.imag, 0) ** 2) + 1j * _CIRCLE.imag
    canvas.fill(1.08 * wide * _CIRCLE.real + 1j * (1.06 * _CIRCLE.imag - 0.06), hair)
    for ear in (-wide, wide):
        canvas.fill(ear + 0.1 * _CIRCLE.real + 1j * (0.17 * _CIRCLE.imag - 0.05), 0.9 * skin)
    canvas.fill(head, skin)
    crown = head[head.imag < fringe]
    if len(crown) > 2:  # else bald
        canvas.fill(crown, hair)

    for mirrored in (False, True):

        def place(x: np.ndarray, y: np.ndarray, mirrored: bool = mirrored) -> np.ndarray:
            return -x + 1j * y if mirrored else x + 1j * y

        x = apart + eye * _T
        corners = level + f["droop"] * _T
        upper, lower = corners - f["upper_lid"] * _ARC, corners + f["lower_lid"] * _ARC
        canvas.between(place(x, upper), place(x, lower), pale)
        iris_x, iris_y = apart + f["iris"] * _CIRCLE.real, level + f["iris"] * _CIRCLE.imag
        seen = np.clip(iris_y, np.interp(iris_x, x, upper), np.interp(iris_x, x, lower))
        canvas.fill(place(iris_x, seen), 0.6 * ink)
        canvas.line(place(x, upper), line, ink)
        canvas.line(place(x, lower), 0.5 * line, shade(0.6))
        height = level - 0.2 - f["brow_height"] - f["brow_arch"] * (_ARC - 0.5)
        canvas.line(place(apart + 1.2 * eye * _T, height - f["brow_slope"] / 2 * _T), brow, ink)
        fold = 0.12 + (f["mouth_width"] - 0.02) * _RISE + 0.05 * _ARC
        canvas.line(place(fold, nose + 0.22 * _RISE), 0.7 * line, shade(0.8 * f["folds"]))
        for down in (0.02, 0.1):
            wrinkle = place(0.05 + 0.09 * _RISE, level + down + 0.05 * _RISE)
            canvas.line(wrinkle, 0.7 * line, shade(f["wrinkles"]))

    canvas.line(0.09 * _T + 1j * (nose + 0.05 * _ARC), line, shade(0.8))

    # The mouth: dark between the lips, with a band of teeth from the upper one down.
    rest = lips + f["mouth_curve"] * (_ARC - 0.5)
    raised = f["sneer"] * np.exp(-(((_T - sneering) / 0.35) ** 2))
    x = f["mouth_width"] * _T
    upper = x + 1j * (rest - f["upper_lip"] * np.sqrt(_ARC) - raised)
    lower = x + 1j * (rest + f["lower_lip"] * np.sqrt(_ARC) - raised / 2)
    canvas.between(upper, lower, 0.5 * ink)
    canvas.between(upper, upper + min(f["teeth"], 1) * (lower - upper), pale)
    canvas.line(upper, line, ink)
    canvas.line(lower, line, ink)

    # Light from one side, and noise.
    image = np.asarray(canvas.image.reduce(FINER), dtype=np.float64)
    steps = np.linspace(-1, 1, size)
    across, down = rng.uniform(-25, 25, 2)
    image = image + across * steps + down * steps[:, None]
    image += rng.uniform(2, 14) * rng.standard_normal(image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
