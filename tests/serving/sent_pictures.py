"""Pictures as strangers send them: those that are read, and those that have to be refused."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(picture, format="PNG", **options):
    """A picture, or an array, as the bytes of a file."""
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, format, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def changed(data, at):
    """Bytes of which one has another bit."""
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def without_its_last_pixels(picture):
    """A PNG file without the last part that has pixels."""
    at = picture.rindex(b"IDAT") - 4
    return picture[:at] + picture[picture.rindex(b"IEND") - 4 :]


def png(width, height, depth, colour_type, data, *chunks, cut=0, parts=1):
    """A PNG file of raw rows, of kinds that Pillow does not write; `cut` takes bytes off the end of the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(data)
    pixels = pixels[: len(pixels) - cut]
    length = max(1, -(-len(pixels) // parts))
    of_pixels = [chunk(b"IDAT", pixels[start : start + length]) for start in range(0, len(pixels), length)]
    parts = [chunk(b"IHDR", header), *chunks, *of_pixels, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def deep_rows(channels):
    """Rows of a picture of 7 x 9 pixels with 16 bits a colour, each behind its filter byte."""
    row = np.random.default_rng(1).integers(0, 256, (9, 7 * 2 * channels), np.uint8)
    return b"".join(b"\0" + each.tobytes() for each in row)


def larger_jpeg(jpeg, height, width):
    """A JPEG file whose header says another size."""
    frame = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2")) + 5
    return jpeg[:frame] + struct.pack(">HH", height, width) + jpeg[frame + 4 :]


PIXELS = np.random.default_rng(0).integers(0, 256, (41, 29, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)
OPAQUE = PICTURE.convert("RGBA")
OPAQUE.putalpha(Image.fromarray(PIXELS[:, :, 0]))


def exif(orientation, order=">", kind="H", tags=1):
    """EXIF data with an orientation, in either order of bytes, as a number of 16 (H) or 32 bits (I)."""
    entry = struct.pack(f"{order}HHI", 0x0112, {"H": 3, "I": 4}[kind], 1)
    entry += struct.pack(f"{order}{kind}", orientation).ljust(4, b"\0")
    other = struct.pack(f"{order}HHII", 0x0100, 4, 1, 29)
    head = {">": b"MM\0*", "<": b"II*\0"}[order] + struct.pack(f"{order}IH", 8, tags)
    return b"Exif\0\0" + head + other * (tags - 1) + entry + bytes(4)


def in_png(data, behind=False):
    """The picture as a PNG with an eXIf chunk, before the pixels or behind them."""
    whole = encoded(PICTURE)
    at = whole.index(b"IEND" if behind else b"IDAT") - 4
    return whole[:at] + chunk(b"eXIf", data.removeprefix(b"Exif\0\0")) + whole[at:]


def in_jpeg(data, before=b""):
    """The picture as a JPEG with EXIF data behind the bytes `before`."""
    return JPEG[:2] + before + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + JPEG[2:]


WHOLE = encoded(PICTURE)
END = WHOLE.index(b"IEND") - 4
ROWS = b"".join(b"\0" + row.tobytes() for row in PIXELS)
IN_PARTS = png(29, 41, 8, 2, ROWS, parts=4)
JPEG = encoded(PICTURE, "JPEG")
PIL_EXIF = Image.Exif()
PIL_EXIF[0x0112] = 6

READ = {
    "colour PNG": encoded(PICTURE),
    "one pixel": encoded(PIXELS[:1, :1]),
    "very wide": encoded(np.tile(PIXELS[:3], (1, 60, 1))),
    "grey PNG": encoded(PICTURE.convert("L")),
    "black and white PNG": encoded(PICTURE.convert("1")),
    "grey and transparent PNG": encoded(PICTURE.convert("LA")),
    "transparent PNG": encoded(OPAQUE),
    "palette PNG": encoded(PICTURE.convert("P")),
    "palette PNG of 4 bits": encoded(PICTURE.quantize(11), bits=4),
    "palette PNG, one colour transparent": encoded(PICTURE.convert("P"), transparency=3),
    "16-bit colour PNG": png(7, 9, 16, 2, deep_rows(3)),
    "16-bit transparent PNG": png(7, 9, 16, 6, deep_rows(4)),
    "PNG with a gamma": png(29, 41, 8, 2, ROWS, chunk(b"gAMA", struct.pack(">I", 100000))),
    "PNG whose pixels are in parts": IN_PARTS,
    "PNG of more rows than it says": png(29, 41, 8, 2, ROWS + ROWS),
    "PNG with something behind it": WHOLE + b"something",
    "JPEG with marks among its pixels": encoded(PICTURE, "JPEG", restart_marker_blocks=1),
    "JPEG of one colour": encoded(Image.new("RGB", (30, 50), (10, 200, 30)), "JPEG"),
    "animated PNG": encoded(PICTURE, save_all=True, append_images=[OPAQUE.convert("RGB").rotate(180)]),
    "JPEG": JPEG,
    "JPEG in full colour": encoded(PICTURE, "JPEG", subsampling=0),
    "progressive JPEG": encoded(PICTURE, "JPEG", progressive=True),
    "grey JPEG": encoded(PICTURE.convert("L"), "JPEG"),
    "CMYK JPEG": encoded(PICTURE.convert("CMYK"), "JPEG"),
    "turned JPEG by Pillow": encoded(PICTURE, "JPEG", exif=PIL_EXIF),
    **{f"JPEG of orientation {each}": in_jpeg(exif(each)) for each in range(10)},
    **{f"PNG of orientation {each}": in_png(exif(each, "<"), behind=each % 2 == 0) for each in range(1, 9)},
    "turned JPEG of Intel's order": in_jpeg(exif(6, "<")),
    "turned JPEG of 32 bits, the last of many tags": in_jpeg(exif(8, "<", "I", tags=40)),
    "turned JPEG with other parts before": in_jpeg(exif(6), b"\xff\xfe\0\x06text" + b"\xff\xff\xff\xe1\0\x05xmp"),
    "turned JPEG, noted twice": in_jpeg(exif(6), in_jpeg(exif(3))[2 : -len(JPEG) + 2]),
    "JPEG with something behind it": JPEG + b"something",
}
"""What the package reads, too."""

DAMAGED_EXIF = {
    "JPEG with EXIF data cut off": in_jpeg(exif(6)[:20]),
    "JPEG with EXIF data of nothing": in_jpeg(b"Exif\0\0"),
    "JPEG whose EXIF data point outside": in_jpeg(b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "JPEG with EXIF data of no order": in_jpeg(exif(6).replace(b"MM", b"XX")),
}
"""What Pillow reads with a warning: upright."""

REFUSED = {
    "empty": (b"", "empty; expected a JPEG or PNG picture"),
    "text": (b"hello, this is no picture", "not a JPEG or PNG picture"),
    "animated GIF": (encoded(PICTURE, "GIF", save_all=True, append_images=[OPAQUE]), "not a JPEG or PNG picture"),
    "WebP": (encoded(PICTURE, "WEBP"), "a WebP picture; expected JPEG or PNG"),
    "PNG in too many parts": (
        png(29, 41, 8, 2, ROWS, *[chunk(b"tEXt", b"a\0")] * (1 << 13)),
        "more than 8192 parts; save it anew",
    ),
    "BMP": (encoded(PICTURE, "BMP"), "not a JPEG or PNG picture"),
    "16-bit grey PNG": (encoded(PIXELS[:, :, 0].astype(np.uint16)), "16 bits of grey; expected 8"),
    "PNG cut off": (encoded(PICTURE)[:900], "broken picture"),
    "PNG cut off in its header": (encoded(PICTURE)[:20], "broken picture"),
    "PNG with a wrong checksum": (encoded(PICTURE).replace(b"IDAT", b"IDAT\x77", 1), "broken picture"),
    "PNG without pixels": (png(29, 41, 8, 2, b""), "broken picture"),
    "PNG of no width": (png(0, 41, 8, 2, b""), "broken picture"),
    "JPEG cut off": (JPEG[: len(JPEG) // 2], "broken picture"),
    "JPEG of three bytes": (JPEG[:3], "broken picture"),
    "PNG without its end": (WHOLE[:END], "broken picture"),
    "PNG cut off in its end": (WHOLE[:-1], "broken picture"),
    "PNG with a wrong checksum of its pixels": (changed(WHOLE, END - 1), "broken picture"),
    "PNG with a wrong checksum of its end": (changed(WHOLE, -1), "broken picture"),
    "PNG cut off between two parts": (IN_PARTS[: IN_PARTS.rindex(b"IDAT") - 4], "broken picture"),
    "PNG without a part": (without_its_last_pixels(IN_PARTS), "broken picture"),
    "PNG whose pixels lack their own checksum": (png(29, 41, 8, 2, ROWS, cut=4), "broken picture"),
    "PNG of half the rows": (png(29, 41, 8, 2, ROWS[: len(ROWS) // 2]), "broken picture"),
    "JPEG without its end": (JPEG[:-2], "broken picture"),
    "JPEG cut off, with an end": (JPEG[: len(JPEG) // 2] + JPEG[-2:], "broken picture"),
    "JPEG larger than what it holds": (larger_jpeg(JPEG, 60, 40), "broken picture"),
    "JPEG of more rows than it holds": (larger_jpeg(JPEG, 65, 29), "broken picture"),
    "progressive JPEG of more rows than it holds": (
        larger_jpeg(READ["progressive JPEG"], 65, 29),
        "broken picture",
    ),
    "JPEG in parts of more rows than it holds": (
        larger_jpeg(encoded(PICTURE, "JPEG", restart_marker_blocks=1), 65, 29),
        "broken picture",
    ),
    "huge PNG": (png(50000, 40000, 1, 0, b"\0"), "50000 x 40000 pixels; at most 16777216 are read"),
    "PNG of the most that can be said": (png(2**31 - 1, 2**31 - 1, 8, 2, b"\0"), "2147483647 x 2147483647 pixels"),
    "endless PNG": (png(1, 1 << 24, 8, 2, b"\0"), "1 x 16777216 pixels; .* sides of 65535"),
    "huge JPEG": (larger_jpeg(JPEG, 60000, 50000), "50000 x 60000 pixels"),
}
"""What is not read, with what the refusal says."""
