"""The page itself: every section through its template, in one file that needs nothing else."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from digitnn.errors import MissingExtraError
from digitnn.plotting import new_figure
from digitnn.report.another_test import another_test
from digitnn.report.disputed_labels import disputed_labels
from digitnn.report.how_good import how_good
from digitnn.report.how_made import how_made
from digitnn.report.how_sure import how_sure
from digitnn.report.learned import learned
from digitnn.report.measured import Measurements
from digitnn.report.summary import summary
from digitnn.report.where_it_fails import where_it_fails

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

SECTIONS = {
    "summary": ("In short", summary),
    "how-good": ("How good", how_good),
    "how-sure": ("How sure", how_sure),
    "where-it-fails": ("Where it fails", where_it_fails),
    "disputed-labels": ("Labels that people dispute", disputed_labels),
    "learned": ("What it has learned", learned),
    "another-test": ("What another test would have said", another_test),
    "how-made": ("How these figures were made", how_made),
}
"""In their order: the name, which is also that of the template, the heading, what fills it."""


@dataclass(frozen=True)
class Section:
    """name: of its template and its anchor; content: what the template shows."""

    name: str
    title: str
    content: Any


def render(measured: Measurements) -> bytes:
    """The page, UTF-8. Raises `MissingExtraError` without Jinja2 or matplotlib.

    Equal values give equal bytes.
    """
    sections = [Section(name, title, make(measured)) for name, (title, make) in SECTIONS.items()]
    template = environment().get_template("page.html.j2")
    return template.render(sections=sections, head=sections[0].content).encode()


def check_libraries() -> None:
    """Raise `MissingExtraError` unless a page can be made; called before the work."""
    new_figure(1, 1)
    environment()


@cache
def environment() -> "Environment":
    """Templates that write every text as text, whatever it holds.

    Only `css` and an `svg` of ours are put in as they are. Raises `MissingExtraError`.
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
    """Text, safe, with what stands between two backticks as code."""
    from markupsafe import Markup, escape

    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is itself
        return Markup(escape(text))
    marked = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)]
    return Markup("".join(marked))
