"""Near copies of a picture: the same shot saved again, smaller, brighter, or cut by a hair.

Each picture has a perceptual hash ("pHash"): of its coarse grey copy, which of the 120 slowest
waves are stronger than their median. What changes a picture little changes few of these bits.
"""

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE, WAVES = 32, 11
NEAR = 8  # of 120 bits
BLOCK = 2_000  # pictures that are compared with all others at a time


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """Of a whole picture of any size: bool ``[120]``."""
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    waves = dctn(np.asarray(small, dtype=np.float64), norm="ortho")[:WAVES, :WAVES]
    strengths = waves.ravel()[1:]  # without the mean
    return strengths > np.median(strengths)


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """In how many bits each hash of ``one`` (bool ``[N, bits]``) differs from each of ``other``
    (``[M, bits]``): int32 ``[N, M]``.
    """
    signs = [np.where(hashes, np.float32(1), np.float32(-1)) for hashes in (one, other)]
    return ((one.shape[1] - signs[0] @ signs[1].T) / 2).astype(np.int32)


def near_copies(hashes: np.ndarray, near: int = NEAR) -> np.ndarray:
    """The number of each picture's group: int ``[N]``, from 0.

    Two pictures whose hashes (bool ``[N, bits]``) differ in at most ``near`` bits are in one group,
    and so are those that others link.
    """
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for start in range(0, len(hashes), BLOCK):
        rows, columns = np.nonzero(distances(hashes[start : start + BLOCK], hashes) <= near)
        pairs.append(np.stack([rows + start, columns]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), (len(hashes),) * 2)
    return connected_components(graph, directed=False)[1]
