"""The network that runs in a page of the book: its weights, its arithmetic, and the page itself."""

import base64
import io
import json
import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexnet_course import features, in_page
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.config import digest, plain
from alexnet_course.data.preparation import CentreCrop, Preparation, Stated
from alexnet_course.features import network_in_page, occlusion, outputs
from alexnet_course.layers import LRN, Conv, Dropout, Flatten, Linear, Pool, ReLU, SpecError
from alexnet_course.network import build
from alexnet_course.provenance import is_sealed
from alexnet_course.results import kept_weights
from built import ROOT

SCRIPTS = ROOT / "book" / "_static" / "explorer"
SAMPLES = {path.stem: path for path in (SCRIPTS / "samples").glob("*.png")}
RECORD = json.loads(in_page.measured_path().read_text())
CLASSES = RECORD["classes"]


@pytest.fixture(scope="module")
def network():
    return network_in_page()


# The weights


def test_the_record_is_of_the_weights_that_the_page_has():
    assert is_sealed(RECORD)
    assert RECORD["in_page_digest"] == digest(in_page.layers())
    manifest = json.loads(in_page.weights_path().with_name("everything-seed0.json").read_text())
    assert RECORD["weights_digest"] == manifest["weights_digests"]["weights.npz"]
    assert RECORD["data_digest"] == manifest["data_digest"]
    measured = features.measured_features(in_page.SEED)
    assert RECORD["accuracy_as_kept"] == measured["accuracy"]
    assert measured["classes"] == CLASSES
    assert plain(in_page.architecture()) == plain(ARCHITECTURES["four-conv-towers"])


def test_the_page_says_what_is_recorded():
    text = (ROOT / "book" / "try.md").read_text()
    for key in ("accuracy_as_kept", "accuracy", "same_answers"):
        assert f"{RECORD[key]:.2f} %" in text
    parameters = sum(p.numel() for p in network_in_page().parameters())
    assert f"{parameters:,} parameters" in text


def test_weights_are_read_as_numpy_reads_them_and_stay_near():
    kept = kept_weights(in_page.EXPERIMENT, in_page.ARM, in_page.SEED)
    read = in_page.stored_arrays(in_page.weights_path())
    shipped = network_in_page().state_dict()
    assert read.keys() == set(kept) == shipped.keys()
    for name, tensor in kept.items():
        shape, values = read[name]
        assert shape == tuple(tensor.shape) and values == tensor.double().flatten().tolist()
        if name.endswith("bias"):
            assert shipped[name].equal(tensor)
        else:
            kernels = tensor.flatten(1)
            half_a_step = kernels.abs().amax(1) / 254
            apart = (shipped[name].flatten(1) - kernels).abs().amax(1)
            assert (apart <= half_a_step * 1.001).all()


@given(st.lists(st.floats(-8, 8, width=16), min_size=2, max_size=12), st.booleans())
def test_eight_bits_come_within_half_a_step(kernel, empty):
    values = kernel + [0.0 if empty else 1.0] * len(kernel)
    codes, steps = in_page.in_eight_bits(2, values)
    assert len(steps) == 2 and all(type(code) is int and abs(code) <= 127 for code in codes)
    for i, value in enumerate(values):
        step = steps[i // len(kernel)]
        assert abs(codes[i] * step - value) <= step * 0.5001
        assert step == 1 or step <= max(map(abs, values)) / 127 * 1.0001


def test_all_that_the_page_embeds_is_small():
    text = json.dumps(in_page.network(), separators=(",", ":"))
    assert len(text) + sum(4 * path.stat().st_size / 3 for path in SAMPLES.values()) < 300_000


# The arithmetic


@pytest.fixture(scope="module")
def pages(browser):
    """Calls a function, with what it is given, on a page that has the scripts that compute."""
    page = browser.new_page()
    for name in ("layers", "forward"):
        page.add_script_tag(path=SCRIPTS / f"{name}.js")
    page.evaluate("window.pass = forwardPass(layerRules({}).windowPositions)")
    yield page.evaluate
    page.close()


RUN = """([layers, images]) => {
  const ready = layers.map(pass.decoded);
  return images.map(([shape, values]) =>
    pass.run(ready, {shape, values: Float64Array.from(values)})
      .map(({values, ...about}) => ({...about, values: [...values]})));
}"""
LOGITS = RUN.replace("values: [...values]})", "values: about.name === 'fc6' ? [...values] : []})")


def as_given(images):
    return [[list(image.shape), image.flatten().tolist()] for image in images]


def prepared(images):
    """Images, uint8 [N, 3, 32, 32], as the page's network is given them."""
    scale = Stated(tuple(RECORD["mean"]), tuple(RECORD["divisor"]))
    return Preparation((CentreCrop(28), scale), images)(images)


def drawn(standin_data, count):
    return prepared(standin_data.held_out.images[:count])


def test_logits_are_those_of_pytorch(pages, network, standin_data):
    noise = torch.randn(50, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    images = torch.cat([noise, drawn(standin_data, 50)])
    found = pages(LOGITS, [in_page.layers(), as_given(images)])
    logits = torch.tensor([made[-1]["values"] for made in found])
    with torch.no_grad():
        expected = network(images)
    assert logits.shape == (100, 10)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)


def at_random(draw):
    """A small network of the kinds of layers that pages compute; it may be one that can't be."""
    groups = draw.choice((1, 1, 2))
    layers = []
    for i in range(draw.randint(1, 3)):
        kernel = draw.randint(1, 5)
        rounding = draw.choice(("floor", "ceil"))
        conv = Conv(
            f"conv{i}",
            draw.choice((2, 4, 6)),
            kernel,
            draw.randint(1, 3),
            draw.randint(0, 3),
            draw.choice((1, groups)) if i else 1,
            draw.random() < 0.8,
            rounding,
        )
        pool = Pool(f"pool{i}", kernel, draw.randint(1, 3), kernel // 2, rounding=conv.rounding)
        lrn = LRN(f"lrn{i}", draw.randint(1, 6), draw.choice((1e-4, 1.0)), 0.75, 2.0, groups)
        others = [ReLU(f"relu{i}"), lrn, Dropout(f"dropout{i}"), pool]
        layers += [conv, *draw.sample(others, draw.randint(0, 4))]
    last = [Flatten("flatten"), Linear("fc", draw.randint(1, 9), draw.random() < 0.5)]
    shape = (draw.choice((1, 3)), draw.randint(5, 17), draw.randint(5, 17))
    return Architecture("random", shape, (*layers, *last))


def with_codes(module, layer):
    """A layer in plain data, with weights in 8 bits that the module gets too."""
    given_ = {"type": type(layer).__name__, **vars(layer)}
    if not hasattr(module, "weight"):
        return given_
    codes = torch.randint(-127, 128, module.weight.shape, dtype=torch.int8)
    steps = torch.rand(len(codes)) / 100
    with torch.no_grad():
        module.weight.copy_(codes * steps.view(-1, *[1] * (codes.dim() - 1)))
    arrays = {"weight": codes, "step": steps}
    if module.bias is not None:
        arrays["bias"] = module.bias.detach()
    return given_ | {k: base64.b64encode(x.numpy().tobytes()).decode() for k, x in arrays.items()}


def test_every_layer_of_random_networks_makes_what_pytorch_makes(pages):
    draw, tried = random.Random(0), 0
    torch.manual_seed(0)
    seen = set()
    while tried < 60:
        try:
            architecture = at_random(draw)
            network = build(architecture).eval()
        except SpecError:
            continue
        tried += 1
        layers = [with_codes(getattr(network, x.name), x) for x in architecture.layers]
        image = torch.randn(1, *architecture.input_shape)
        [found] = pages(RUN, [layers, as_given(image)])
        expected = outputs(network, image, [layer.name for layer in architecture.layers])
        assert [made["name"] for made in found] == list(expected)
        for made, (name, tensor) in zip(found, expected.items(), strict=True):
            assert made["shape"] == list(tensor.shape[1:]), (name, architecture)
            values = torch.tensor(made["values"], dtype=torch.float32).view_as(tensor)
            torch.testing.assert_close(values, tensor, atol=1e-4, rtol=1e-4)
        seen |= {(x["type"], x.get("rounding")) for x in layers}
    assert len(seen) == 9  # seven kinds, two of them rounded up and down


@pytest.mark.parametrize(
    "layer, words",
    [
        ({"type": "BatchNorm", "name": "bn1"}, "layer bn1: BatchNorm is not computed in pages"),
        ({"type": "Pool", "name": "p", "mode": "average"}, "layer p: mode=average is not"),
        ({"type": "LRN", "name": "n", "across": "space"}, "layer n: across=space is not"),
    ],
)
def test_a_layer_that_pages_dont_compute_is_refused(pages, layer, words):
    from playwright.sync_api import Error

    with pytest.raises(Error, match=words):
        pages(RUN, [[layer], [[[1, 2, 2], [0.0] * 4]]])


NEAREST, BOX = Image.Resampling.NEAREST, Image.Resampling.BOX
SHRUNK = """([pixels, width, height, square, size]) =>
  [...pass.shrunk(Uint8ClampedArray.from(pixels), width, height, square, size)]"""


@pytest.mark.parametrize(
    "size, box",
    [
        ((96, 64), (16, 0, 64)),  # a whole number of pixels
        ((75, 75), (0, 0, 75)),
        ((61, 45), (11, 3, 37)),
        ((40, 24), (3, 1, 20)),  # smaller than what is made of it
        ((32, 32), (0, 0, 32)),
    ],
)
def test_shrinking_takes_means_over_areas(pages, size, box):
    """Pillow's box filter does the same where each pixel is first made a block of 32 × 32."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    left, top, side = box
    square = {"left": left, "top": top, "side": side}
    found = pages(SHRUNK, [pixels.flatten().tolist(), *size, square, 32])
    cut = pixels[top : top + side, left : left + side, :3].transpose(2, 0, 1).astype(np.float32)
    blocks = [Image.fromarray(channel).resize((32 * side, 32 * side), NEAREST) for channel in cut]
    means = np.stack([np.asarray(block.resize((32, 32), BOX)) for block in blocks])
    apart = np.abs(np.reshape(found, (3, 32, 32)) - means)
    assert apart.max() <= 0.501  # whole numbers
    assert np.reshape(found, (3, 32, 32)).tolist() == np.floor(means + 0.5001).tolist()


SWEEP = """([layers, [shape, values], label, side]) => {
  const ready = layers.map(pass.decoded);
  const image = {shape, values: Float64Array.from(values)};
  const left = [];
  for (let row = 0; row < shape[1]; row += 4) {
    for (let column = 0; column < shape[2]; column += 4) {
      const made = pass.run(ready, pass.covered(image, row, column, side));
      left.push(pass.logOdds(made.at(-1).values, label));
    }
  }
  return left;
}"""


def test_a_sweep_is_the_occlusion_of_chapter_14(pages, network, standin_data):
    image = drawn(standin_data, 1)[0]
    found = pages(SWEEP, [in_page.layers(), *as_given([image]), 3, 7])
    expected = occlusion(network, image, 3, side=7, step=4)
    torch.testing.assert_close(torch.tensor(found).view(7, 7), expected, atol=1e-3, rtol=0)


# The page


@pytest.fixture
def opened(browser, site):
    """The page, opened from a folder, at an address; nothing fails, and no host is asked."""
    contexts, errors = [], []

    def open_page(address="", **options):
        script = options.pop("script", None)
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda x: errors.append(x.text) if x.type == "error" else None)
        page.on("request", lambda x: None if x.url.startswith(LOCAL) else errors.append(x.url))
        page.goto((site.folder / "book" / "try.html").as_uri() + address)
        if options.get("java_script_enabled", True):
            page.locator(".try-answer tbody tr").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


LOCAL = ("file:", "data:", "blob:")


def guesses(page):
    rows = page.locator(".try-answer tbody tr").all_inner_texts()
    return {row.split()[0]: float(row.split()[1]) for row in rows}


def as_batch(image):
    return prepared(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])


def expected_guesses(network, image):
    """The five best guesses for 32 × 32 pixels, uint8 [32, 32, 3], in per cent."""
    with torch.no_grad():
        likely = network(as_batch(image)).softmax(1)[0]
    best = likely.topk(5)
    return {CLASSES[i]: 100 * x for x, i in zip(best.values.tolist(), best.indices.tolist())}


def sample(name):
    return Image.open(SAMPLES[name]).convert("RGB")


def test_each_sample_gets_the_networks_answer(opened, network):
    page = opened()
    assert page.locator(".try-samples button").count() == len(SAMPLES)
    for name in SAMPLES:
        page.locator(f"[data-name={name}]").click()
        page.wait_for_url(f"**/try.html#picture={name}")
        expected = expected_guesses(network, sample(name))
        assert guesses(page) == pytest.approx(expected, abs=0.051)
        first, share = next(iter(guesses(page).items()))
        assert page.locator(".try-said").inner_text().startswith(f"{first}, by {share} %; then ")


def test_the_page_tells_what_its_samples_are_taken_for(network):
    """What the text says of deer, horse and cup, and of the things to try."""
    best = {name: next(iter(expected_guesses(network, sample(name)))) for name in SAMPLES}
    right = {"cat", "drawn-cat", "puffin", "dog", "airplane", "car", "ship", "truck", "frog"}
    wanted = {"drawn-cat": "cat", "puffin": "bird", "car": "automobile"}
    assert {name for name in best if best[name] == wanted.get(name, name)} == right
    assert best["deer"] == "airplane"


def picture(tmp_path, size=(96, 64), name="mine.png"):
    """A picture of blocks of 2 × 2 pixels, its middle square being 64 × 64; and that as 32 × 32."""
    small = np.random.default_rng(1).integers(0, 256, (size[1] // 2, size[0] // 2, 3), np.uint8)
    large = Image.fromarray(small.repeat(2, 0).repeat(2, 1))
    large.save(tmp_path / name)
    start = (size[0] - size[1]) // 4
    return tmp_path / name, small[:, start : start + 32]


def test_a_file_is_cropped_to_its_middle_square_and_the_square_can_be_moved(
    opened, network, tmp_path
):
    path, middle = picture(tmp_path)
    page = opened()
    page.locator("#try-file").set_input_files(path)
    page.locator(".try-source").wait_for()
    assert guesses(page) == pytest.approx(expected_guesses(network, middle), abs=0.051)
    assert "picture=" not in page.url
    whole = np.asarray(Image.open(path))[::2, ::2]
    page.get_by_label("Across").first.fill("100")
    page.wait_for_timeout(50)
    assert guesses(page) == pytest.approx(expected_guesses(network, whole[:, -32:]), abs=0.051)
    box = page.locator(".try-source").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 1, box["y"] + 20, steps=3)
    page.mouse.up()
    page.wait_for_timeout(50)
    assert guesses(page) == pytest.approx(expected_guesses(network, whole[:, :32]), abs=0.051)


HANDED = """([data, kind]) => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], "mine.png", {type: "image/png"}));
  document.body.dispatchEvent(kind === "paste"
    ? new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true})
    : new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped(opened, network, tmp_path, kind):
    path, middle = picture(tmp_path)
    page = opened()
    page.evaluate(HANDED, [base64.b64encode(path.read_bytes()).decode(), kind])
    page.locator(".try-source").wait_for()
    assert guesses(page) == pytest.approx(expected_guesses(network, middle), abs=0.051)


def test_what_is_no_picture_is_said(opened, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page = opened()
    before = guesses(page)
    page.locator("#try-file").set_input_files(tmp_path / "notes.png")
    page.get_by_text("notes.png can't be read as a picture; take a JPEG").wait_for()
    assert guesses(page) == before


def test_transparent_parts_are_white(opened, network, tmp_path):
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    page = opened()
    page.locator("#try-file").set_input_files(tmp_path / "clear.png")
    page.locator(".try-source").wait_for()
    white = np.full((32, 32, 3), 255, np.uint8)
    assert guesses(page) == pytest.approx(expected_guesses(network, white), abs=0.051)


def drawing(page):
    """What is on the page's paper, as the network's images are."""
    text = page.locator(".try-paper").evaluate("paper => paper.toDataURL()")
    png = base64.b64decode(text.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return np.round(pixels.reshape(32, 10, 32, 10, 3).mean((1, 3))).astype(np.uint8)


def test_a_drawing_is_answered_stroke_by_stroke(opened, network):
    page = opened()
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_label("Paper").select_option("blue")
    page.get_by_label("white", exact=True).check()
    box = page.locator(".try-paper").bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 200, steps=4)
    page.mouse.up()
    page.wait_for_timeout(50)
    small = drawing(page)
    assert (small[0, 0] == [0x4A, 0x8F, 0xD4]).all() and (small[20, 16] == 255).all()
    assert guesses(page) == pytest.approx(expected_guesses(network, small), abs=0.3)
    page.get_by_label("Paper").select_option("black")
    page.wait_for_timeout(50)
    black = drawing(page)
    assert (black[0, 0] == 0x11).all() and (black[20, 16] == 255).all()
    assert guesses(page) == pytest.approx(expected_guesses(network, black), abs=0.3)
    page.get_by_role("button", name="Undo").click()
    assert len(np.unique(drawing(page).reshape(-1, 3), axis=0)) == 1


def test_a_drawing_can_be_made_by_keys(opened):
    page = opened()
    page.get_by_role("button", name="Draw", exact=True).press("Enter")
    assert page.evaluate("document.activeElement.className") == "try-paper"
    for key in ("Shift+ArrowLeft", "Space", "Shift+ArrowDown", "Space", "Shift+ArrowDown"):
        page.keyboard.press(key)
    rows = np.flatnonzero((drawing(page) < 100).all(2).any(1))
    assert (rows[0], rows[-1]) == (15, 20)  # from the middle, 16, to 20, and the brush's edges


CAMERA = """Object.defineProperty(navigator, "mediaDevices", {value: {
  async getUserMedia() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const brush = canvas.getContext("2d");
    setInterval(() => { brush.fillStyle = "red"; brush.fillRect(0, 0, 64, 64); }, 20);
    window.film = canvas.captureStream(30);
    return window.film;
  },
}})"""
REFUSED = """Object.defineProperty(navigator, "mediaDevices", {value: {
  async getUserMedia() { throw new DOMException("no", "NotAllowedError"); }}})"""


def test_a_camera_is_looked_through_until_a_picture_is_kept(opened, network):
    page = opened(script=CAMERA)
    page.get_by_role("button", name="Camera").click()
    keep = page.get_by_role("button", name="Keep this picture")
    keep.wait_for()
    page.locator(".try-source").wait_for()
    page.wait_for_timeout(300)
    keep.click()
    page.wait_for_timeout(50)
    assert page.evaluate("film.getTracks().map(track => track.readyState)") == ["ended"]
    red = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    assert guesses(page) == pytest.approx(expected_guesses(network, red), abs=3)
    page = opened(script=REFUSED)
    page.get_by_role("button", name="Camera").click()
    page.get_by_text("No camera can be used").wait_for()


def test_a_covered_part_changes_the_guess_at_once(opened, network):
    page = opened("?picture=cat")
    row, column = page.get_by_label("Down", exact=True), page.get_by_label("Across", exact=True)
    row, column = row.last, column.last
    page.get_by_label("Cover a part").check()
    row.fill("10")
    column.fill("8")
    column.press("ArrowRight")
    page.wait_for_url("**#picture=cat&cover=10.9.7")
    pixels = np.array(sample("cat"))
    mean = np.round(255 * np.array(RECORD["mean"]))
    pixels[2 + 7 : 2 + 14, 2 + 6 : 2 + 13] = mean
    assert guesses(page) == pytest.approx(expected_guesses(network, pixels), abs=0.5)
    assert page.locator(".try-said").inner_text().startswith("With the part covered: ")
    seen = page.locator(".try-seen").first.bounding_box()
    page.mouse.click(seen["x"] + seen["width"] * 20.5 / 28, seen["y"] + seen["height"] * 5.5 / 28)
    page.wait_for_url("**#picture=cat&cover=5.20.7")
    page.get_by_label("Cover a part").uncheck()
    page.wait_for_url("**#picture=cat")


def test_the_sweep_finds_where_covering_costs_most(opened, network):
    page = opened("?picture=puffin")
    page.get_by_role("button", name="Sweep it").click()
    put = page.get_by_role("button", name="Put the square there")
    put.wait_for(timeout=120_000)  # 196 images, on a machine that may be busy
    left = occlusion(network, as_batch(sample("puffin"))[0], CLASSES.index("bird"), side=7, step=2)
    row, column = divmod(int(left.argmin()), 14)
    share = 100 * left.min().sigmoid().item()
    said = page.locator("#try .try-caption", has_text="Dark").inner_text()
    assert f"Least at row {2 * row}, column {2 * column}: {share:.1f} % in place of" in said
    put.click()
    page.wait_for_url(f"**&cover={2 * row}.{2 * column}.7")
    page.locator("[data-name=dog]").click()  # a map belongs to its picture
    page.wait_for_url("**#picture=dog*")
    assert not put.is_visible()


def test_layers_are_walked_through_and_lrns_sum_is_written_out(opened, network):
    page = opened("?picture=puffin")
    select = page.get_by_label("Layer", exact=True)
    names = select.locator("option").all_inner_texts()
    kinds = "conv1 relu1 lrn1 pool1 conv2 relu2 lrn2 pool2 conv3 relu3 conv4 relu4 pool4"
    assert names == [*kinds.split(), "fc5", "relu5", "fc6"]
    assert page.get_by_role("img", name="The 24 kernels of conv1").is_visible()
    for name in names[1:]:
        page.get_by_role("button", name="the next layer").click()
        assert select.input_value() == name
    assert page.get_by_role("button", name="the next layer").is_disabled()
    select.select_option("lrn1")
    for label, value in (("Map", "12"), ("Row", "9"), ("Column", "13")):
        page.get_by_label(label, exact=True).fill(value)
    page.wait_for_url("**#picture=puffin&layer=lrn1&map=12&at=9.13")
    made = outputs(network, as_batch(sample("puffin")), ["relu1", "lrn1"])
    before, after = (made[name][0, :, 9, 13] for name in ("relu1", "lrn1"))
    rows = page.locator(".try-sum tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["10", "11", "12"]  # the tower ends there
    shown = [float(row.split()[1]) for row in rows]
    assert shown == pytest.approx(before[9:12].tolist(), rel=5e-3, abs=1e-3)
    value = page.get_by_text(re.compile(r"^Map 12, row 9, column 13: ")).inner_text()
    number = float(value.rpartition(": ")[2].rstrip(".").replace("−", "-"))
    assert number == pytest.approx(after[11].item(), rel=5e-3, abs=1e-3)


def test_an_address_is_the_page_as_it_was(opened):
    first = opened("#picture=truck&cover=20.6.9&layer=pool2&map=31&at=3.4")
    second = opened("#" + first.url.partition("#")[2])
    assert first.url == second.url
    for page in (first, second):
        assert page.locator("[data-name=truck]").get_attribute("aria-pressed") == "true"
        assert page.get_by_label("Size of the square").input_value() == "9"
        assert page.get_by_label("Map", exact=True).input_value() == "31"
        assert page.get_by_label("Row", exact=True).input_value() == "3"
    assert guesses(first) == guesses(second)
    lost = opened("#picture=nothing&cover=99.1.7&layer=fc9&map=x&at=1")
    assert lost.url.endswith("#picture=cat")


def test_without_scripts_the_page_says_where_to_look(opened):
    page = opened(java_script_enabled=False)
    assert "The network needs JavaScript" in page.locator("#try").inner_text()
    assert page.locator("#try a").get_attribute("href") == "../notebooks/14_what_it_learned.html"
