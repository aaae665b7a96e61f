"""The formats a picture may have, told by its first bytes: a suffix is no evidence.

Only these are ever handed to Pillow, each to its own decoder. Pillow knows some forty more, among
them ones that start other programs (EPS) or that nobody photographs paper with; each is one more
decoder for a stranger's bytes to attack.
"""

from dataclasses import dataclass

from digitnn.errors import PictureError


@dataclass(frozen=True)
class Format:
    """name: as Pillow calls it; plugin: the module of Pillow's that decodes it."""

    name: str
    plugin: str
    signatures: tuple[bytes, ...]


FORMATS = (
    Format("PNG", "PIL.PngImagePlugin", (b"\x89PNG\r\n\x1a\n",)),
    Format("JPEG", "PIL.JpegImagePlugin", (b"\xff\xd8\xff",)),
    Format("GIF", "PIL.GifImagePlugin", (b"GIF87a", b"GIF89a")),
    Format("BMP", "PIL.BmpImagePlugin", (b"BM",)),
    Format("TIFF", "PIL.TiffImagePlugin", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    Format("WEBP", "PIL.WebPImagePlugin", (b"RIFF",)),
    Format("PPM", "PIL.PpmImagePlugin", (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF")),
)
"""What opens. PPM stands for its kin too: PBM, PGM, PFM."""

HEIF = Format("HEIF", "pillow_heif", ())
"""What phones of one maker write; opens where the package pillow-heif is installed."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def detect_format(head: bytes, name: str) -> Format:
    """The format of a picture that begins with `head`; some hundred bytes suffice.

    name: what messages call it. Raises `PictureError` where it is none of `FORMATS`.
    """
    if not head:
        raise PictureError(f"{name}: empty, 0 bytes; expected a picture")
    if head[:4] == b"RIFF" and head[8:12] != b"WEBP":
        raise PictureError(f"{name}: expected a picture, got sound or video (RIFF)")
    for kind in FORMATS:
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
    names = ", ".join(kind.name for kind in FORMATS)
    raise PictureError(f"{name}: not a picture (begins {head[:4].hex(' ')}); expected {names}")


def looks_like_picture(head: bytes) -> bool:
    """Whether a file that begins with `head`, 16 bytes or more, is of a format that opens.

    For files that nobody named one by one: signatures of two letters, with which a text may begin
    as well, do not count.
    """
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    long = [sign for kind in FORMATS for sign in kind.signatures if len(sign) > 2]
    return head.startswith(tuple(long)) or (head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS)
