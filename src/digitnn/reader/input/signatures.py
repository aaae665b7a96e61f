"""Detect the format of a picture by its first bytes; file suffixes are not reliable.

Pillow gets only the formats listed here, each with its own decoder. It knows some forty more, a few
of which start other programs (EPS): each is one more decoder that untrusted bytes could attack.
"""

from dataclasses import dataclass

from digitnn.errors import PictureError


@dataclass(frozen=True)
class PictureFormat:
    """name: Pillow's name for it; plugin: the module that decodes it; signatures: first bytes."""

    name: str
    plugin: str
    signatures: tuple[bytes, ...]


PICTURE_FORMATS = (
    PictureFormat("PNG", "PIL.PngImagePlugin", (b"\x89PNG\r\n\x1a\n",)),
    PictureFormat("JPEG", "PIL.JpegImagePlugin", (b"\xff\xd8\xff",)),
    PictureFormat("GIF", "PIL.GifImagePlugin", (b"GIF87a", b"GIF89a")),
    PictureFormat("BMP", "PIL.BmpImagePlugin", (b"BM",)),
    PictureFormat("TIFF", "PIL.TiffImagePlugin", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    PictureFormat("WEBP", "PIL.WebPImagePlugin", (b"RIFF",)),
    PictureFormat(
        "PPM", "PIL.PpmImagePlugin", (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF")
    ),
)
"""The supported formats. PPM includes PBM, PGM and PFM."""

HEIF = PictureFormat("HEIF", "pillow_heif", ())
"""The format of iPhones; needs the package pillow-heif."""

PICTURE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".heic", ".heif", ".pdf"),
)
"""In a folder, files with these suffixes are pictures, others if their first bytes say so."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def detect_format(head: bytes, name: str) -> PictureFormat:
    """Return the format of a file that begins with `head`; a few hundred bytes suffice.

    Raises `PictureError` if it is none of `PICTURE_FORMATS`; the message calls the file `name`.
    """
    if not head:
        raise PictureError(f"{name}: empty, 0 bytes; expected a picture")
    if head[:4] == b"RIFF" and head[8:12] != b"WEBP":
        raise PictureError(f"{name}: expected a picture, got sound or video (RIFF)")
    for kind in PICTURE_FORMATS:
        if head.startswith(kind.signatures):
            return kind
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIF_BRANDS:
            return HEIF
        raise PictureError(f"{name}: a film or an AVIF picture; save it as PNG or JPEG first")
    if b"<svg" in head.lower():
        raise PictureError(f"{name}: SVG is a drawing, not pixels; render it to a PNG first")
    if head.startswith(b"%PDF"):
        raise PictureError(f"{name}: a PDF document; `pages_of` can render its pages")
    names = ", ".join(kind.name for kind in PICTURE_FORMATS)
    raise PictureError(f"{name}: not a picture (begins {head[:4].hex(' ')}); expected {names}")


def looks_like_picture(head: bytes) -> bool:
    """Return whether a file that begins with `head`, at least 16 bytes, is a supported picture.

    For files found in folders. Not by two letters as in BMP and PPM: a text may begin so too.
    """
    try:
        return detect_format(head, "").name not in ("BMP", "PPM")
    except PictureError:
        return False
