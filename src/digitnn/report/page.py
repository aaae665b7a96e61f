"""Render the page: each section through its template, in one self-contained file."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from digitnn.errors import MissingExtraError
from digitnn.plotting import new_figure
from digitnn.report.accuracy import accuracy_section, disputed_labels_section
from digitnn.report.another_test import another_test_section
from digitnn.report.confidence import confidence_section
from digitnn.report.learned import learned_section
from digitnn.report.measured import Measurements
from digitnn.report.robustness import robustness_section
from digitnn.report.summary import provenance_section, summary_section

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

SECTIONS = {
    "summary": ("Summary", summary_section),
    "accuracy": ("Accuracy", accuracy_section),
    "confidence": ("Confidence and calibration", confidence_section),
    "robustness": ("Robustness", robustness_section),
    "disputed-labels": ("Disputed labels", disputed_labels_section),
    "learned": ("What the network has learned", learned_section),
    "another-test": ("Expected result of another test", another_test_section),
    "provenance": ("How these numbers were obtained", provenance_section),
}
"""In page order: name, also of the template, heading, and the function that fills it."""


def render(measured: Measurements) -> bytes:
    """Return the page in UTF-8; equal values give equal bytes.

    Raises `MissingExtraError` without Jinja2 or matplotlib.
    """
    sections = [
        {"name": name, "title": title, "content": make(measured)}
        for name, (title, make) in SECTIONS.items()
    ]
    template = environment().get_template("page.html.j2")
    return template.render(sections=sections, head=sections[0]["content"]).encode()


def check_libraries() -> None:
    """Raise `MissingExtraError` unless a page can be rendered; call it before measuring."""
    new_figure(1, 1)
    environment()


@cache
def environment() -> "Environment":
    """Return the template environment, which escapes all text except our CSS and SVG.

    Raises `MissingExtraError` without Jinja2.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "report", "writing a report") from None
    found = Environment(
        loader=PackageLoader("digitnn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("digitnn.report") / "templates" / "style.css"
    found.filters["words"] = _with_code
    found.globals["css"] = style.read_text(encoding="utf-8")
    return found


def _with_code(text: str) -> "Markup":
    """Escape `text` and mark up what is between backticks as code."""
    from markupsafe import Markup, escape

    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick stays a backtick
        return Markup(escape(text))
    marked = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)]
    return Markup("".join(marked))
