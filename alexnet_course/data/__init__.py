"""Images for the course: CIFAR-10, generated sets, class folders, batches."""

from alexnet_course.config import look_up
from alexnet_course.data.cifar10 import cifar10, stand_in
from alexnet_course.data.faces import drawn_faces
from alexnet_course.data.folders import export_folders
from alexnet_course.data.image_folder import image_folder
from alexnet_course.data.images import DataError, ImageData, Split
from alexnet_course.data.preparation import Preparation
from alexnet_course.data.small_sets import SMALL_SETS


def image_data(name: str, quiet: bool = False) -> ImageData:
    """The images that experiments and tutorials name, such as ``"CIFAR-10"`` or ``"drawn faces"``;
    an unknown name is told the others.
    """
    known = {"CIFAR-10": lambda: cifar10(quiet=quiet), "drawn faces": drawn_faces, **SMALL_SETS}
    return look_up(known, name, "image set")()


__all__ = [
    "DataError",
    "ImageData",
    "Preparation",
    "Split",
    "cifar10",
    "drawn_faces",
    "export_folders",
    "image_data",
    "image_folder",
    "stand_in",
]
