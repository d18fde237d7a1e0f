"""The book on paper, as one PDF and as an archive: nothing cut or dark, and no link that fails."""

import re
import shutil
import zipfile

import pytest
from PIL import Image, ImageChops, ImageStat

from built import Site, parse
from test_book import broken_links

pikepdf = pytest.importorskip("pikepdf")
take_away = pytest.importorskip("take_away")
pdfium = pytest.importorskip("pypdfium2")

PAPER = {"width": 612, "height": 986}  # CSS pixels of A4 within its margins
LARGEST = 10_000_000  # bytes
CHAPTER = "notebooks/05_relu.html"


def letters(text):
    """Without what breaking lines adds."""
    return re.sub(r"[\s\ufffe\u00ad]", "", text)


def texts(pdf):
    return [page.get_textpage().get_text_range() for page in pdfium.PdfDocument(pdf)]


def is_light(page):
    """Whether a page is black on white: its edge is white, most of it light, and its ink dark.

    Much smaller, the letters of a page with a single line would be too thin to be dark.
    """
    picture = page.render(scale=1).to_pil().convert("L")
    edge = picture.crop((0, 0, 27, picture.height)).getextrema()
    blank = picture.getextrema()[0] == 255
    dark = picture.getextrema()[0] < 150
    return edge[0] == 255 and ImageStat.Stat(picture).mean[0] > 170 and (dark or blank)


@pytest.fixture(scope="module")
def own(site, tmp_path_factory):
    """A copy of the site, to make things in."""
    folder = tmp_path_factory.mktemp("own") / "html"
    shutil.copytree(site.folder, folder)
    return folder


@pytest.fixture(scope="module")
def pdf(own, browser):
    return take_away.make_pdf(own)


@pytest.fixture(scope="module")
def printed(pdf):
    return texts(pdf)


@pytest.fixture(scope="module")
def chapters(own):
    """Address and title of each page of the book, in its order."""
    start = take_away.read(own / take_away.START)
    return [(address, title) for address, title in take_away.entries(start) if address]


def test_the_contents_name_the_page_on_which_each_chapter_begins(printed, chapters):
    assert len(chapters) > 20
    listed = letters("".join(printed[1:3]))  # the contents may take two pages
    pages = [letters(page) for page in printed]
    for _, title in chapters:
        heading = letters(title)
        number = next(  # the first page with the title at its edge, and once more as a heading
            number
            for number, page in enumerate(pages, start=1)
            if page.startswith(f"{heading}{number}") and heading in page.removeprefix(heading)
        )
        assert f"{heading}{number}" in listed, title


def test_the_last_line_of_the_longest_code_of_each_chapter_is_printed(printed, site, chapters):
    whole = letters("".join(printed))
    for address, _ in chapters:
        pres = site.pages[site.folder / address].select("pre")
        shown = [pre for pre in pres if not pre.find_parent(class_="tag_setup")]  # for Colab alone
        blocks = [pre.get_text().strip() for pre in shown]
        if blocks:
            longest = max(blocks, key=lambda block: block.count("\n"))
            assert letters(longest.splitlines()[-1]) in whole, address


def test_solutions_stand_at_the_end_and_exercises_name_their_pages(printed, site, chapters):
    solutions = [
        solution.select_one(".admonition-title").get_text()
        for address, _ in chapters
        for solution in site.pages[site.folder / address].select(".solution")
    ]
    assert len(solutions) > 20
    named = re.findall(r"Solution: page (\d+)", " ".join(printed))
    assert len(named) == len(solutions)
    for title, number in zip(solutions, named):
        assert letters(title) in letters(printed[int(number) - 1])
    assert all("Solution to" not in page for page in printed[: int(named[0]) - 1])


def test_what_is_folded_is_printed(printed, site):
    whole = letters("".join(printed))
    page = site.pages[site.folder / CHAPTER]
    shown = "details:not(.drawing-data)"  # the numbers of a chart only clutter the paper
    folded = page.select(f"article :is(.admonition.dropdown, {shown}) :is(p, td, th)")
    assert len(folded) > 10
    for part in folded:
        if not part.find(["math", "a"]) and not part.find_parent("summary"):
            assert letters(part.get_text()) in whole


def test_links_lead_to_places_in_the_pdf_or_out_of_it(pdf):
    with pikepdf.open(pdf) as book:
        places = set(book.Root.Dests.keys())
        inside, outside = [], []
        for page in book.pages:
            for link in page.get("/Annots", []):
                if "/A" in link:
                    outside.append(str(link.A.URI))
                else:
                    inside.append(str(link.Dest))
        assert len(inside) > 400 and set(inside) <= places
        assert len(outside) > 10
        assert [address for address in outside if not address.startswith("https://")] == []
        headings = [" ".join(item.title.split()) for item in book.open_outline().root]
    assert "6 · Local response normalisation" in headings


def test_every_page_of_the_pdf_is_light(pdf):
    pages = pdfium.PdfDocument(pdf)
    assert [number for number, page in enumerate(pages, start=1) if not is_light(page)] == []


def test_nothing_is_wider_than_the_paper(pdf, own, browser):
    page = browser.new_page(viewport=PAPER)
    page.emulate_media(media="print")
    page.goto((own.parent / "pdf" / "book.html").as_uri())
    wide = page.evaluate(
        """() => [...document.querySelectorAll('article *:not(svg *, .chapters svg)')]
            .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
            .map(part => part.closest('article').id + ': ' + part.outerHTML.slice(0, 80))"""
    )
    page.close()
    assert wide == []


@pytest.fixture(scope="module")
def by_hand(own, browser, tmp_path_factory):
    """A chapter as somebody prints it who reads in the dark, with everything folded."""
    page = browser.new_page(color_scheme="dark")
    page.goto((own / CHAPTER).as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    file = tmp_path_factory.mktemp("by-hand") / "chapter.pdf"
    page.pdf(path=file, print_background=True, prefer_css_page_size=True)
    page.close()
    return file


def test_a_page_that_is_read_in_the_dark_is_printed_light(by_hand):
    assert all(map(is_light, pdfium.PdfDocument(by_hand)))


def test_a_page_is_printed_whole_and_without_what_is_to_be_clicked(by_hand, site):
    whole = letters("".join(texts(by_hand)))
    page = site.pages[site.folder / CHAPTER]
    for code in page.select(".cell:not(.tag_setup) .cell_input pre"):  # that one is for Colab
        assert letters(code.get_text().strip().splitlines()[-1]) in whole
    solution = page.select(".admonition.dropdown p:not(:has(math))")[-1]
    assert letters(solution.get_text()) in whole
    assert "Backtotop" not in whole and "Exercise13" not in whole  # no button, and no sidebar


@pytest.fixture(scope="module")
def archive(own):
    return take_away.make_zip(own)


def test_the_archive_opens_from_a_folder(archive, tmp_path):
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    unpacked = Site(folder)
    assert len(unpacked.paths) > 20
    assert unpacked.complaints(lambda page, path: broken_links(page, path, unpacked.ids)) == {}
    lacking = unpacked.complaints(
        lambda page, path: [
            part
            for tag in page.select("script[src], link[rel=stylesheet], img[src]")
            if not (path.parent / (part := (tag.get("src") or tag["href"]).split("?")[0])).is_file()
        ]
    )
    assert lacking == {}


def test_what_is_taken_away_is_small_and_the_start_page_links_to_it(pdf, archive, own):
    take_away.offer(own)
    links = parse((own / take_away.START).read_text()).select(".take-away a")
    made = [(own / take_away.START).parent / link["href"] for link in links]
    assert [path.resolve() for path in made] == [pdf, archive]
    assert all(100_000 < path.stat().st_size < LARGEST for path in made)
    with zipfile.ZipFile(archive) as packed:
        assert "take-away" not in packed.read("learn-alexnet/book/index.html").decode()


def test_without_a_browser_one_is_told_what_to_do(own, monkeypatch):
    monkeypatch.setattr(take_away, "chromium", lambda: None)
    with pytest.raises(SystemExit, match="apt install chromium"):
        take_away.make_pdf(own)


def test_the_icon_is_the_one_that_the_pages_have(browser, tmp_path):
    """Drawn anew from the SVG file, it is what is stored, but for how edges are smoothed."""
    import icons

    html = icons.PICTURES["icon.png"][2].format((icons.STATIC / "favicon.svg").read_text())
    page = browser.new_page(viewport={"width": 180, "height": 180})
    page.set_content(html)
    page.screenshot(path=tmp_path / "icon.png")
    page.close()
    drawn, stored = (
        Image.open(file).convert("RGB")
        for file in (tmp_path / "icon.png", icons.STATIC / "icon.png")
    )
    assert ImageStat.Stat(ImageChops.difference(drawn, stored)).mean < [2, 2, 2]
