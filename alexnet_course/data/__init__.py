"""Images for the course: CIFAR-10, generated sets, class folders, batches."""

from alexnet_course.data.augmentation import Preparation
from alexnet_course.data.cifar10 import cifar10, stand_in
from alexnet_course.data.faces import drawn_faces
from alexnet_course.data.folders import DataError, export_folders
from alexnet_course.data.image_folder import image_folder
from alexnet_course.data.images import ImageData, Split

__all__ = [
    "DataError",
    "ImageData",
    "Preparation",
    "Split",
    "cifar10",
    "drawn_faces",
    "export_folders",
    "image_folder",
    "stand_in",
]
