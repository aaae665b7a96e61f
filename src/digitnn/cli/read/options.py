"""The options of the reader, which `digitnn read` and `digitnn read-collection` share."""

from pathlib import Path
from typing import Annotated

import typer

from digitnn.cli.options import above_zero

SingleOption = Annotated[
    bool, typer.Option("--single", help="Assume that each picture shows one digit.")
]
SymbolsOption = Annotated[
    bool,
    typer.Option(
        "--symbols",
        help="Also read points, commas, dashes, slashes and colons; else one inside a number is "
        'a "?".',
    ),
]
RotateOption = Annotated[
    bool,
    typer.Option(
        "--rotate/--no-rotate",
        help="Try a page that reads badly on its sides and upside down.",
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="RUN",
        help="Read with this run or ensemble. Default: the network of the package.",
    ),
]
MinConfidenceOption = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        metavar="P",
        help="Reject digits with a confidence below P, from 0 to 1; 0.5 by default.",
    ),
]
MaxMegapixelsOption = Annotated[
    float,
    typer.Option(
        "--max-megapixels",
        parser=above_zero,
        metavar="N",
        help="Reject pictures with more than N million pixels.",
    ),
]
