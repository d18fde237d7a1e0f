"""AlexNet as a table: one description of a network, and everything that follows from it.

Start with :data:`alexnet_course.architectures.ARCHITECTURES`, then
:func:`alexnet_course.arithmetic.layer_table`, :func:`alexnet_course.network.build` and
:func:`alexnet_course.training.fit`.
"""

__version__ = "0.1.0"
