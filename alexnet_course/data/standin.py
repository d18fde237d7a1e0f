"""A procedural stand-in for CIFAR-10, for when no real data can be had.

Ten classes of small colour pictures (32 x 32, like CIFAR-10), drawn with numpy from a seed: seven
shapes and three textures. Everything but the class varies: colours, place, size, rotation,
proportions, sharpness, background, noise, and clutter behind and in front of the object. One
picture in five is a negative, with the object darker than its background instead of lighter. So
adding up weighted pixels says little about the class: a model has to look at edges and at how they
are arranged.

Each class is a signed distance: a function of the plane that is negative inside the object,
positive outside, and close to the distance from the outline near it.
"""

import numpy as np

CLASSES: tuple[str, ...] = (
    "checks",
    "crescent",
    "cross",
    "disc",
    "dots",
    "ring",
    "square",
    "star",
    "stripes",
    "triangle",
)

SIDE = 32  # pixels
CHUNK = 40  # images drawn at once: few enough that their arrays stay in the cache

# Pixel centres, with the origin in the middle of the image; x points right and y down.
_X = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2)[None, None, :]
_Y = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2)[None, :, None]


def make_standin(seed: int = 0, train: int = 10_000, test: int = 2_000):
    """Draw the data set, which takes a second or two.

    The same arguments give the same images; only between kinds of processor can a handful of
    values in the whole set differ by 1, because sines may be rounded differently.

    Args:
        seed: any integer >= 0.
        train: number of training images, a positive multiple of 10.
        test: number of test images, a positive multiple of 10.

    Returns:
        (train_images, train_labels, test_images, test_labels). Images are uint8 [N, 3, 32, 32] in
        0..255, channels red, green, blue; labels are int64 [N], indices into `CLASSES`. Each class
        has exactly N / 10 images, in shuffled order. Both sets come from the same distribution,
        drawn independently: the size of one does not change the other.
    """
    for name, count in (("train", train), ("test", test)):
        if count <= 0 or count % len(CLASSES):
            raise ValueError(f"{name} must be a positive multiple of {len(CLASSES)}, got {count}")
    return (
        *_make_split(np.random.default_rng([seed, 0]), train),
        *_make_split(np.random.default_rng([seed, 1]), test),
    )


def _make_split(rng, count):
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(CLASSES))
    images = np.empty((count, 3, SIDE, SIDE), dtype=np.uint8)
    for label in range(len(CLASSES)):
        places = np.flatnonzero(labels == label)
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            images[chunk] = _draw(rng, len(chunk), CLASSES[label])
    return images, labels


def _draw(rng, n, name):
    """Draw n images of the class called name: uint8 [n, 3, 32, 32]."""

    def uniform(low, high, *shape):
        return rng.uniform(low, high, shape or (n, 1, 1)).astype(np.float32)

    def frame(x0, y0, turn):
        # Coordinates whose origin is at (x0, y0), turned by at most `turn` radians.
        angle = uniform(-turn, turn)
        cos, sin = np.cos(angle), np.sin(angle)
        x = cos * _X + sin * _Y - (cos * x0 + sin * y0)
        y = cos * _Y - sin * _X - (cos * y0 - sin * x0)
        return x, y

    def paint(distance, colour):
        # The outline is a ramp about a pixel wide rather than a jagged step.
        cover = np.clip(0.5 - distance / softness, 0, 1)[:, None]
        change = colour - image
        change *= cover
        np.add(image, change, out=image)

    def clutter(count):
        # Rods from round specks to long thin lines, too small to pass for an object.
        for _ in range(count):
            x, y = frame(uniform(-16, 16), uniform(-16, 16), np.pi)
            thick = uniform(0.4, 1.6)
            x = np.maximum(np.abs(x) - uniform(0, 7), 0)
            paint(np.sqrt(x * x + y * y) - thick, uniform(0, 255, n, 3, 1, 1))

    # The background: a colour that drifts in one direction and folds gently.
    base = uniform(20, 160, n, 3, 1, 1)
    softness = uniform(1, 2)  # pixels
    x, y = frame(uniform(-16, 16), uniform(-16, 16), np.pi)
    ramp = x * uniform(-1, 1) + 40 * np.abs(_saw(y / uniform(12, 40)))
    image = base + ramp[:, None] * uniform(-1, 1, n, 3, 1, 1)

    # The object, with clutter behind and in front of it.
    clutter(2)
    radius = uniform(7.5, 12.5)  # pixels
    x, y = frame(uniform(-5.5, 5.5), uniform(-5.5, 5.5), 0.6)  # 0.6 is 34 degrees
    distance = _distance(name, x / radius, y / radius, uniform)
    paint(distance * radius, base + uniform(5, 120, n, 3, 1, 1))
    clutter(1)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= uniform(3, 20, n, 1, 1, 1)
    image += noise
    # With every object lighter than its background, a linear model would find the task easier.
    negative = rng.random((n, 1, 1, 1)) < 0.2
    np.subtract(255, image, out=image, where=negative)
    return np.clip(image, 0, 255, out=image).astype(np.uint8)


def _saw(t):
    """Map t to its offset from the nearest integer, in -0.5..0.5."""
    return t - np.rint(t)


def _distance(name, x, y, uniform):
    """Signed distance at points (x, y) from the outline of an object about 1 in radius.

    `uniform(low, high)` draws one number an image, for proportions that vary within a class.
    """
    match name:
        case "disc":
            return np.sqrt(x * x + y * y) - 0.9
        case "ring":
            return np.abs(np.sqrt(x * x + y * y) - 0.75) - uniform(0.12, 0.25)
        case "crescent":  # a disc with a second disc taken away
            bite = x - uniform(0.4, 0.65)
            y2 = y * y
            return np.maximum(np.sqrt(x * x + y2) - 1, 0.8 - np.sqrt(bite * bite + y2))
        case "square":
            return np.maximum(np.abs(x), np.abs(y)) - 0.8
        case "triangle":  # three half-planes; the first by symmetry stands for two
            return np.maximum(0.866 * np.abs(x) - 0.5 * y, y) - uniform(0.5, 0.6)
        case "cross":  # two bars
            x, y, width = np.abs(x), np.abs(y), uniform(0.18, 0.32)
            return np.maximum(np.maximum(x, y) - 1, np.minimum(x, y) - width)
        case "star":  # mirrored onto one tenth of the plane, the edge is a single straight line
            x = np.abs(x)
            for kx, ky in ((0.809, -0.588), (-0.809, -0.588)):
                fold = 2 * np.maximum(kx * x + ky * y, 0)
                x, y = x - kx * fold, y - ky * fold
            x, inner = np.abs(x), uniform(0.4, 0.5)
            ax, ay = 0.588 * inner, 0.809 * inner - 1.1  # from the tip to the inner corner
            return ((y - 1.1) * ax - x * ay) / np.sqrt(ax * ax + ay * ay)
    # The textures fill a patch between a disc and a square.
    patch = np.maximum(np.abs(x), np.abs(y)) - uniform(0.8, 1.0)
    patch = np.maximum(np.sqrt(x * x + y * y) - 1.15, patch)
    period = uniform(0.5, 0.75)
    u, v = period * _saw(x / period), period * _saw(y / period + uniform(0, 1))
    match name:
        case "stripes":
            return np.maximum(patch, np.abs(u) - 0.25 * period)
        case "dots":
            return np.maximum(patch, np.sqrt(u * u + v * v) - 0.33 * period)
        case "checks":  # inside where exactly one of two sets of stripes is inside
            u, v = np.abs(u) - 0.25 * period, np.abs(v) - 0.25 * period
            return np.maximum(patch, np.maximum(np.minimum(u, v), -np.maximum(u, v)))
    raise ValueError(f"no such class: {name}")
