"""Convert a matplotlib figure to an inline `<svg>` in the page's theme.

The figure's colours become the page's CSS variables, so that one figure serves light, dark and
print. Text stays text, in the page's typeface.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from digitnn.plotting import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIABLES = {
    **{colour: f"var(--chart-{i})" for i, colour in enumerate(COLOURS)},
    GREY: "var(--muted)",
    "#000000": "var(--ink)",
    "#b0b0b0": "var(--rule)",
    "#cccccc": "var(--rule)",
    "#ffffff": "var(--paper)",
}
"""matplotlib's colours and the CSS variables that replace them, see templates/style.css."""

_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_FONT = re.compile(r"font: (?:[a-z0-9]+ )*?([0-9.]+)px [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_XLINK = "{http://www.w3.org/1999/xlink}"


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """Return `figure` as one `<svg>` element; equal figures give equal text.

    name: a prefix for its identifiers, unique on the page; label: its description for screen
    readers.
    """
    from matplotlib import rc_context

    text = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    root = ElementTree.fromstring(text.getvalue())
    _clean(root, name)
    box = [float(side) for side in root.attrib["viewBox"].split()]
    root.attrib.clear()
    root.attrib |= {
        "class": "chart",
        "role": "img",
        "aria-label": label,
        "viewBox": " ".join(f"{side:g}" for side in box),
        "width": f"{box[2]:g}",
        "height": f"{box[3]:g}",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _clean(root: ElementTree.Element, name: str) -> None:
    """Remove namespaces, metadata, global styles and unused identifiers; apply the theme."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', ElementTree.tostring(root).decode()))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.text and not element.text.strip():
            element.text = None
        kept = {}
        for key, value in element.attrib.items():
            if key == "id":
                if value in used:
                    kept["id"] = f"{name}-{value}"
            elif key == f"{_XLINK}href":
                kept["href"] = value.replace("#", f"#{name}-")
            elif key == "clip-path":
                kept[key] = value.replace("#", f"#{name}-")
            else:
                kept[key] = _themed(value) if key == "style" else value
        element.attrib.clear()
        element.attrib |= kept


def _themed(style: str) -> str:
    """Return a style with the page's colours and typeface; the font size is kept."""
    style = _FAMILY.sub("", _FONT.sub(r"font-size: \1px", style))
    return _COLOUR.sub(lambda found: VARIABLES.get(found.group(), found.group()), style)
