"""What the headers of pictures say, against what Pillow says of the whole files, and of broken ones."""

import io
import random
import struct
import sys
import warnings
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from datav.errors import StorageError
from datav.profiles.images import MOST_EXAMPLES, look_at_images
from tests.support.shareddata import DATA


class Bytes:
    """A source that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.was_read = 0

    def read_at(self, offset: int, size: int) -> bytes:
        part = self.data[offset : offset + size]
        self.was_read += len(part)
        return part


class Opener:
    """What opens a source, and knows whether it was."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened: list[Bytes] = []

    def __call__(self) -> Bytes:
        self.opened.append(Bytes(self.data))
        return self.opened[-1]


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def look(executor):
    def look_at(files: dict[bytes, bytes]):
        return look_at_images(((path, Opener(data)) for path, data in files.items()), executor)

    return look_at


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (7, 5), **options) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), np.uint8)
    Image.fromarray(noise).convert("RGB").convert(mode).save(file, form, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of no pixels that claims to have many."""
    chunks = b""
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b"")):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def counted(frequent) -> dict[str, int]:
    assert frequent.is_complete
    return dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))


def said(look, path: bytes, data: bytes) -> tuple[str, str, str] | str | None:
    """Return dimensions, mode and format of one file; `unreadable`, or None if it is no picture."""
    images = look({path: data}).images
    if images is None or images.unreadable:
        return images and "unreadable"
    ((dimensions, _),) = counted(images.dimensions).items()
    return dimensions, *counted(images.modes), *counted(images.formats)


FORMATS = [
    (b"png", "PNG", "RGBA", {}),
    (b"png", "PNG", "P", {}),
    (b"png", "PNG", "LA", {}),
    (b"png", "PNG", "1", {}),
    (b"jpg", "JPEG", "RGB", {}),
    (b"JPEG", "JPEG", "CMYK", {}),
    (b"gif", "GIF", "P", {}),
    (b"bmp", "BMP", "RGB", {}),
    (b"tif", "TIFF", "L", {}),
    (b"tiff", "TIFF", "F", {"compression": "tiff_deflate"}),
    (b"webp", "WEBP", "RGB", {}),
    (b"webp", "WEBP", "RGB", {"lossless": True}),
    (b"webp", "WEBP", "RGBA", {"lossless": True}),
    (b"webp", "WEBP", "RGBA", {"quality": 50}),
    (b"webp", "WEBP", "RGB", {"exif": b"Exif\0\0"}),
    (b"ppm", "PPM", "RGB", {}),
    (b"pgm", "PPM", "L", {}),
    (b"tga", "TGA", "RGB", {}),
    (b"dds", "DDS", "RGBA", {}),
    (b"pcx", "PCX", "RGB", {}),
    (b"jp2", "JPEG2000", "RGB", {}),
    (b"avif", "AVIF", "RGB", {}),
]


@pytest.mark.parametrize(("extension", "form", "mode", "options"), FORMATS)
def test_a_header_says_what_pillow_says_of_the_whole_file(look, monkeypatch, extension, form, mode, options):
    feature = {"JPEG2000": "jpg_2000", "AVIF": "avif", "WEBP": "webp"}.get(form)
    if feature and not features.check(feature):
        pytest.skip(f"Pillow has no {form}")
    data = picture(form, mode, **options)
    with Image.open(io.BytesIO(data)) as whole:
        expected = (f"{whole.width}x{whole.height}", whole.mode, whole.format)
    # No pixel is decoded; what would be raised makes a picture unreadable.
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)

    assert said(look, b"a/b." + extension, data) == expected
    assert expected[0] == "7x5"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
def test_a_file_without_an_extension_is_a_picture_if_it_begins_like_one(look, form):
    data = picture(form)

    assert said(look, b"a", data) == ("7x5", Image.open(io.BytesIO(data)).mode, form)
    assert said(look, b"a.0001", data) is not None
    assert said(look, b"a.dat", data) is None


def test_a_picture_that_is_named_like_another_is_what_it_is(look):
    assert said(look, b"a.png", picture("JPEG")) == ("7x5", "RGB", "JPEG")
    assert said(look, b"a.jpg", picture("WEBP")) == ("7x5", "RGB", "WEBP")
    assert said(look, b"a.tga", picture("PNG")) == ("7x5", "RGB", "PNG")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0" * 100_000,
        b"<html>not found</html>",
        b"P3 is the third part",
        b"BM, a text that begins like a bitmap",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        picture("PNG")[:20],
        picture("JPEG")[:30],
        picture("GIF")[:8],
        picture("TIFF")[:8],
        picture("WEBP")[:20],
        png_header(0, 5),
        png_header(2**31, 1),
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(20),
        b"RIFF\0\0\0\0WEBPXXXX" + bytes(20),
    ],
)
def test_what_is_named_like_a_picture_and_has_no_header_is_unreadable(look, data):
    assert said(look, b"a.png", data) == "unreadable"


def test_a_text_without_an_extension_is_no_picture(look):
    assert look({b"README": b"text", b"empty": b"", b"a.txt": b"\x89PNG\r\n\x1a\n"}) == (None, False)


@pytest.mark.parametrize("kept", [0.5, 0.9])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
def test_a_picture_that_is_cut_behind_its_header_is_readable(look, form, kept):
    data = picture(form, size=(200, 100))

    assert said(look, b"a.png", data[: int(len(data) * kept)])[0] == "200x100"


@pytest.mark.parametrize("sides", [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1)])
def test_a_header_that_claims_huge_sides_is_believed_and_costs_nothing(look, sides):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = look({b"a.png": png_header(*sides)}).images

    assert counted(images.dimensions) == {"{}x{}".format(*sides): 1}
    assert (images.widths.points.tolist(), images.heights.points.tolist()) == ([sides[0]], [sides[1]])


def test_a_huge_webp_takes_no_memory_for_its_pixels(look):
    sides = (16383 - 1).to_bytes(3, "little")

    found = said(
        look, b"a.webp", b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0" + bytes([0x10, 0, 0, 0]) + sides * 2 + b"\0\0"
    )

    assert found == ("16383x16383", "RGBA", "WEBP")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_only_the_first_bytes_of_a_picture_are_read(executor, form):
    opener = Opener(picture(form, size=(500, 500)) + bytes(10 * 2**20))

    images = look_at_images([(b"a.png", opener)], executor).images

    assert images.unreadable == 0
    assert sum(source.was_read for source in opener.opened) <= 32 * 1024


def test_layers_beside_the_header_of_a_tiff_are_not_read(executor):
    layers = 37724
    opener = Opener(picture("TIFF", tiffinfo={layers: bytes(40 * 2**20)}))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = look_at_images([(b"a.tif", opener)], executor).images

    assert counted(images.dimensions) == {"7x5": 1}
    assert sum(source.was_read for source in opener.opened) < 24 * 2**20


@pytest.mark.parametrize("filling", [b"\0", b"\xff\xe1\0\2", b"\x21\xfe\1\0\0"])
@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_a_header_that_never_ends_is_given_up(executor, form, filling):
    opener = Opener(picture(form)[:20] + filling * (8 * 2**20 // len(filling)))

    images = look_at_images([(b"a.jpg", opener)], executor).images

    assert images.unreadable == 1
    assert sum(source.was_read for source in opener.opened) < 2**20


def test_what_pillow_logs_is_not_shown(look, capfd):
    directory = struct.pack("<H", 4)
    for tag, value in ((256, 7), (257, 5), (262, 2), (277, 300)):
        directory += struct.pack("<HHII", tag, 4, 1, value)

    found = said(look, b"a.tif", b"II*\0" + struct.pack("<I", 8) + directory + bytes(4))

    assert found == "unreadable"
    assert capfd.readouterr() == ("", "")


def test_damaged_headers_never_fail_a_profile(look):
    chance = random.Random(3)
    forms = [("PNG", "P"), ("JPEG", "L"), ("GIF", "P"), ("TIFF", "RGB"), ("WEBP", "RGBA"), ("BMP", "RGB"),
             ("TGA", "RGB"), ("PCX", "L"), ("PPM", "RGB"), ("DDS", "RGBA")]  # fmt: skip
    files = {}
    for form, mode in forms:
        whole = picture(form, mode, size=(20, 20))
        for number in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
            files[b"%d.%s" % (number, form.lower().encode())] = bytes(data)

    images = look(files).images

    assert images.files == len(files)
    assert images.widths.count == images.heights.count == images.files - images.unreadable
    assert 0 < images.unreadable < images.files


def test_pictures_are_counted_and_some_unreadable_ones_named(look):
    files = {b"%03d.png" % number: picture("PNG", "L", (1 + number % 3, 4)) for number in range(100)}
    files |= {b"x/%03d.jpg" % number: b"no" for number in range(7)} | {
        b"a.jpg": picture("JPEG"),
        b"t.csv": b"a",
    }

    images, skipped = look(files)

    assert not skipped
    assert (images.files, images.unreadable) == (108, 7)
    assert images.examples == tuple(f"x/{number:03}.jpg" for number in range(MOST_EXAMPLES))
    assert counted(images.dimensions) == {"1x4": 34, "2x4": 33, "3x4": 33, "7x5": 1}
    assert images.dimensions.values.to_pylist() == ["1x4", "2x4", "3x4", "7x5"]
    assert counted(images.modes) == {"L": 100, "RGB": 1}
    assert counted(images.formats) == {"PNG": 100, "JPEG": 1}
    assert images.widths.points.tolist() == [1, 2, 3, 7]
    assert np.diff(images.widths.upto, prepend=0).tolist() == [34, 33, 33, 1]
    assert images.heights.points.tolist() == [4, 5]


def test_of_many_different_dimensions_the_most_frequent_are_kept(look):
    files = {b"%d.png" % number: png_header(number // 2 + 9, number % 7 + 1) for number in range(700)}
    files |= {b"%d.jpg" % number: png_header(5, 5) for number in range(3)}

    images = look(files).images

    assert len(images.dimensions.counts) <= 256
    assert images.dimensions.values[0].as_py() == "5x5"
    assert images.dimensions.unseen == 1
    assert images.widths.count == 703


def test_the_paths_of_unreadable_ones_can_be_shown(look):
    assert look({b"a\x1b[31m\xff.png": b""}).images.examples == ("a\\x1b[31m\\xff.png",)


def test_without_pillow_pictures_are_skipped_and_that_is_told(look, monkeypatch):
    data = picture("PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)

    assert look({b"a.txt": b"", b"a.png": b""}) == (None, True)
    assert look({b"a": data}) == (None, True)
    assert look({b"a": b"text", b"a.csv": b"a,b"}) == (None, False)


@pytest.mark.parametrize("error", [StorageError("gone"), OSError("gone")])
def test_what_a_source_raises_is_raised(executor, error):
    class Broken(Bytes):
        def read_at(self, offset: int, size: int) -> bytes:
            if offset:
                raise error
            return super().read_at(offset, size)

    far_directory = b"II*\0" + (50_000).to_bytes(4, "little") + bytes(100_000)

    with pytest.raises(type(error), match="gone"):
        look_at_images([(b"a.tif", lambda: Broken(far_directory))], executor)


def test_the_limit_of_pillow_for_other_users_is_left_alone(look):
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)

    look({b"a.png": png_header(2**20, 2**20)})

    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


@pytest.mark.skipif(
    not (DATA / "flags").is_dir(), reason=f"no flags in {DATA}; DATAV_TEST_DATA names a folder"
)
def test_real_flags_have_the_dimensions_that_pillow_gives_them(executor):
    paths = sorted((DATA / "flags").rglob("*"))
    expected: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as flag:
                expected[f"{flag.width}x{flag.height}"] += 1
                modes[flag.mode] += 1
    files = [(bytes(path), Opener(path.read_bytes())) for path in paths if path.is_file()]

    images = look_at_images(files, executor).images

    assert images.unreadable == 0
    assert images.files == sum(expected.values()) > 1000
    assert counted(images.modes) == modes
    shown = zip(images.dimensions.values.to_pylist(), images.dimensions.counts.tolist(), strict=True)
    assert all(expected[name] == count for name, count in shown)


@pytest.mark.skipif(not (DATA / "spoken-digits").is_dir(), reason=f"no recordings in {DATA}")
def test_recordings_are_no_pictures_and_not_opened(executor):
    paths = list((DATA / "spoken-digits").rglob("*.wav"))
    openers = [Opener(b"") for _ in paths]

    looked = look_at_images(zip(map(bytes, paths), openers, strict=True), executor)

    assert len(paths) > 100
    assert looked == (None, False)
    assert not any(opener.opened for opener in openers)
