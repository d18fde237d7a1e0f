"""Pictures as people have them: where their classes are found, what is left out and said, near
copies, and parts that share none of them.
"""

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexnet_course.data import DataError
from alexnet_course.data.gathering import find, opened, read
from alexnet_course.data.near_copies import distances, near_copies, perceptual_hash
from alexnet_course.data.parting import balancing, leaking, part, unbalanced

SIZE = 24


def picture(seed, size=(40, 30)):
    """A random picture: the finer its waves, the weaker, as in photographs."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for waves, strength in ((3, 0.4), (6, 0.3), (12, 0.2), (24, 0.1)):
        coarse = Image.fromarray(rng.integers(0, 256, (waves, waves, 3), dtype=np.uint8))
        total += strength * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))
    return Image.fromarray(total.astype(np.uint8))


def put(path, image=None):
    """Writes a picture, another for each path unless given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture(abs(hash(str(path))) % 2**32) if image is None else image
    image.save(path)


@pytest.fixture
def pets(tmp_path):
    """A function that makes two classes of pictures below a folder: 6 cats, 5 dogs."""

    def make(inside="", parts=("",)):
        for number, part_name in enumerate(parts):
            for name, count in {"cat": 6, "dog": 5}.items():
                for i in range(count):
                    place = tmp_path / "pets" / inside / part_name / name / f"{i}.png"
                    put(place, picture(100 * number + 10 * count + i))
        return tmp_path / "pets"

    return make


# Where the classes are


@pytest.mark.parametrize("inside", ["", "phone", "phone/DCIM/2024"])
def test_classes_are_found_however_deep_they_lie(pets, inside):
    found = find(pets(inside))
    assert found.classes == ("cat", "dog") and found.notes == ()
    assert Counter(found.labels) == {0: 6, 1: 5} and set(found.parts) == {""}


def test_classes_are_sorted_as_texts(tmp_path):
    for name in ("2", "10", "1"):
        put(tmp_path / name / "x.png")
    assert find(tmp_path).classes == ("1", "10", "2")


@pytest.mark.parametrize(
    "names",
    [("train", "test"), ("Training", "PublicTest", "PrivateTest"), ("train", "valid", "test")],
)
def test_parts_are_those_of_the_folders(pets, names):
    """FER2013's layout, and those of other sets."""
    known = {"publictest": "validation", "privatetest": "test", "valid": "validation"}
    wanted = {known.get(n.lower(), n.lower().removesuffix("ing")) for n in names}
    found = find(pets(parts=names))
    assert found.classes == ("cat", "dog") and set(found.parts) == wanted


def test_pictures_of_folders_inside_a_class_belong_to_it(pets):
    put(pets() / "cat" / "garden" / "x.png")
    assert Counter(find(pets()).labels)[0] == 7


def test_a_class_without_pictures_is_refused(pets):
    (pets() / "bird").mkdir()
    with pytest.raises(DataError, match="no pictures in the classes bird; add some, or take the"):
        find(pets())


def test_one_class_alone_is_refused(pets):
    root = pets()
    (root / "cat").rename(root.parent / "cat")
    with pytest.raises(DataError, match=r"for each of two classes or more.*found only 'dog'"):
        find(root)


def test_a_held_out_class_that_is_not_trained_on_is_refused(pets):
    root = pets(parts=("train", "test"))
    put(root / "test" / "bird" / "x.png")
    with pytest.raises(DataError, match=r"test has other classes.*unexpected class folders: bird"):
        find(root)


def test_files_that_are_not_read_are_said(pets):
    root = pets()
    for name in ("cat/IMG_1.HEIC", "cat/IMG_2.heif", "dog/notes.txt", "dog/.hidden"):
        (root / name).write_bytes(b"x")
    put(root / "loose.png")
    heic, others, loose = find(root).notes
    assert heic.startswith("2 pictures left out, because HEIC is not read: cat/IMG_1.HEIC, cat/IMG")
    assert "1 .txt" in others and "hidden" not in others
    assert loose == "1 picture left out, in no class's folder: loose.png."


def test_unreadable_pictures_are_named_and_the_others_read(pets):
    root = pets()
    (root / "cat" / "bad.jpg").write_bytes(b"no picture")
    found = read(find(root), SIZE)
    assert len(found.names) == 11 and found.images.images.shape == (11, 3, SIZE, SIZE)
    (sentence,) = found.unreadable
    assert sentence.startswith("cat/bad.jpg can't be read as an image")


def test_a_class_of_which_none_can_be_read_is_refused(pets):
    root = pets()
    for path in (root / "cat").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"no picture of cat can be read: cat/0\.png"):
        read(find(root), SIZE)


# Zips and tables


def test_a_zip_from_a_phone_is_read_as_the_folder_in_it(pets, tmp_path):
    """Nested, with what macOS puts beside it, formats mixed, and a photograph on its side."""
    root = pets("Export/Photos")
    sideways = Image.new("RGB", (40, 20), "black")
    sideways.paste("white", (0, 0, 20, 20))  # left; upright, above
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save(root / "Export/Photos/dog/side.jpg", exif=exif)
    picture(1).save(root / "Export/Photos/dog/x.webp")
    picture(2).convert("L").save(root / "Export/Photos/dog/y.bmp")
    path = tmp_path / "phone.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*.*"):
            archive.write(file, file.relative_to(root))
        archive.writestr("__MACOSX/Export/Photos/dog/._side.jpg", b"x")
        archive.writestr("Export/Photos/dog/IMG.HEIC", b"x")
    with opened(path) as folder:
        found = find(folder)
        pictures = read(found, SIZE)
        assert Counter(found.labels) == {0: 6, 1: 8}
    assert "HEIC" in found.notes[0] and len(found.notes) == 1 and pictures.unreadable == ()
    upright = pictures.images.images[pictures.names.index("dog/side.jpg")].float()
    assert upright[:, : SIZE // 2 - 2].min() > 200 and upright[:, SIZE // 2 + 2 :].max() < 50
    assert not folder.exists()


def test_no_name_in_a_zip_leads_out_of_its_folder(tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../out.png", b"x")
        archive.writestr("/out.png", b"x")
    with opened(path) as folder:
        assert all(p.resolve().is_relative_to(folder.resolve()) for p in folder.rglob("*"))
        assert len(list(folder.rglob("out.png"))) == 1
    assert not (tmp_path / "out.png").exists()


def test_fer2013s_table_of_pixels_is_read_as_its_folders(tmp_path):
    rows = ["emotion,pixels,Usage"]
    for emotion, shade in ((3, 200), (6, 50)):
        for usage in ("Training", "PublicTest", "PrivateTest"):
            rows.append(f"{emotion},{' '.join([str(shade)] * 48**2)},{usage}")
    (tmp_path / "fer2013.csv").write_text("\n".join(rows))
    for source in (tmp_path, tmp_path / "fer2013.csv"):
        with opened(source) as folder:
            found = find(folder)
            images = read(found, SIZE)
        assert found.classes == ("happy", "neutral")
        assert Counter(found.parts) == {"train": 2, "validation": 2, "test": 2}
        shades = {200 if label == 0 else 50 for label in images.labels.tolist()}
        assert set(images.images.images.unique().tolist()) == shades


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.tar", b"x", "x.tar is neither a folder nor a zip of one"),
        ("nowhere", None, "there is no folder or file"),
        ("x.csv", b"a,b\n1,2\n", "no table of FER2013: it lacks columns emotion and pixels"),
        ("x.csv", b"emotion,pixels\n9,1 2 3 4\n", "row 1: expected an emotion from 0 to 6"),
        ("x.csv", b"emotion,pixels\n1,1 2 300 4\n", "row 1: expected .* pixels from 0"),
    ],
)
def test_what_is_no_set_of_pictures_is_said(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words), opened(tmp_path / name):
        pass


def test_pictures_keep_their_names_and_labels_whether_held_or_not(pets):
    found = find(pets())
    held, unheld = read(found, SIZE), read(found, SIZE, memory=0)
    assert held.names == unheld.names and torch.equal(held.labels, unheld.labels)
    classes = [found.classes[label] for label in held.labels]
    assert [name.split("/")[0] for name in held.names] == classes
    order = torch.arange(11)
    for one, other in zip(
        held.images.batches(order, 4, "cpu"), unheld.images.batches(order, 4, "cpu")
    ):
        assert all(map(torch.equal, one, other))


# Near copies


def saved(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(file)


COPIES = {
    "JPEG": lambda image: saved(image, quality=50),
    "half as large": lambda image: image.resize((image.width // 2, image.height // 2)),
    "twice as large": lambda image: image.resize((image.width * 2, image.height * 2)),
    "brighter": lambda image: image.point(lambda value: min(255, value + 20)),
    "grey": lambda image: image.convert("L"),
    "in a palette": lambda image: image.convert("P"),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_a_copy_is_found_and_another_picture_is_none(change):
    originals = [picture(seed, (160, 120)) for seed in range(20)]
    hashes = np.stack([perceptual_hash(one) for one in (*originals, *map(change, originals))])
    groups = near_copies(hashes)
    assert groups[:20].tolist() == groups[20:].tolist()
    assert len(set(groups.tolist())) == 20


def test_distances_count_the_bits_that_differ():
    one = np.array([[True, True, False]])
    other = np.array([[True, True, False], [False, False, True], [True, False, False]])
    assert distances(one, other).tolist() == [[0, 3, 1]]


def test_groups_join_what_a_chain_links():
    bits = np.tri(5, 4, -1, dtype=bool)  # each differs from the next in one bit
    assert len(set(near_copies(bits, near=1))) == 1 and len(set(near_copies(bits, near=0))) == 5


# Parts


@given(
    sizes=st.lists(st.integers(3, 40), min_size=2, max_size=4),
    most=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_parts_hold_every_class_and_share_no_group(sizes, most, seed):
    rng = np.random.default_rng(seed)
    labels, groups = [], []
    for label, count in enumerate(sizes):
        for _ in range(count):
            members = int(rng.integers(1, most + 1))
            groups += [len(set(groups))] * members
            labels += [label] * members
    labels, groups = np.array(labels), np.array(groups)
    parts = part(labels, groups, [f"class {i}" for i in range(len(sizes))], seed)
    for label in range(len(sizes)):
        assert set(parts[labels == label]) == {"train", "validation", "test"}
        own = (labels == label).sum()
        for held_out in ("validation", "test"):
            count = (parts[labels == label] == held_out).sum()
            assert count <= max(most, 0.15 * own + most)
    for group in set(groups):
        assert len(set(parts[groups == group])) == 1
    assert not leaking(parts, groups).any()


def test_shares_are_kept_where_there_are_no_copies():
    labels = np.repeat([0, 1], [100, 20])
    parts = part(labels, np.arange(120), ["a", "b"])
    assert Counter(zip(labels.tolist(), parts)) == {
        (0, "train"): 70, (0, "validation"): 15, (0, "test"): 15,
        (1, "train"): 14, (1, "validation"): 3, (1, "test"): 3,
    }  # fmt: skip


def test_too_few_different_pictures_are_refused():
    with pytest.raises(DataError, match=r"class b has 2 different pictures .* expected at least 3"):
        part(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 3, 4, 4]), ["a", "b"])


def test_what_leaks_is_on_the_side_of_training():
    parts = np.array(["train", "test", "train", "validation", "validation", "test"], dtype=object)
    groups = np.array([0, 0, 1, 1, 2, 2])
    assert leaking(parts, groups).tolist() == [True, False, True, False, True, False]


def test_balancing_shows_each_class_as_often_and_its_pictures_nearly_so():
    labels = np.array([0] * 7 + [1] * 3 + [2])
    assert unbalanced(labels) and not unbalanced(np.array([0, 0, 0, 1, 1]))
    places = balancing(labels)
    assert np.bincount(labels[places]).tolist() == [7, 7, 7]
    shown = np.bincount(places)
    assert shown[:7].tolist() == [1] * 7 and sorted(shown[7:10]) == [2, 2, 3] and shown[10] == 7
