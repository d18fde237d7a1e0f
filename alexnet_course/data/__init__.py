"""Images for the course: CIFAR-10, the bundled stand-in, class folders, batches."""

from alexnet_course.data.augmentation import Preparation
from alexnet_course.data.cifar10 import cifar10, stand_in
from alexnet_course.data.folders import DataError, export_folders
from alexnet_course.data.images import ImageData, Split

__all__ = [
    "DataError",
    "ImageData",
    "Preparation",
    "Split",
    "cifar10",
    "export_folders",
    "stand_in",
]
