"""AlexNet as a table: one description of a network, and everything that follows from it.

Start with :data:`alexnet_course.architectures.ARCHITECTURES`, then
:func:`alexnet_course.arithmetic.layer_table`, :func:`alexnet_course.network.build` and
:func:`alexnet_course.training.fit`.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("alexnet_course")  # as pyproject.toml has it
except PackageNotFoundError:  # run from its folder, without being installed
    __version__ = "unknown"
