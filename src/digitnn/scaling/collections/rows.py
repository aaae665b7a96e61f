"""The rows of the output as tables of pyarrow."""

from collections.abc import Sequence
from typing import Any

from digitnn.reader.results import result_to_json
from digitnn.scaling.collections.batch import Row
from digitnn.scaling.collections.places import import_pyarrow


def schema() -> Any:
    """Return the columns. Digits and notes as in `digitnn read --json`.

    confidence: the least of the picture's digits, null if there is none.
    """
    pa = import_pyarrow()
    digit = [
        ("digit", pa.int8()),
        ("confidence", pa.float64()),
        ("box", pa.list_(pa.int32())),
        ("symbol", pa.string()),
    ]
    return pa.schema(
        [
            ("source", pa.string()),
            ("path", pa.string()),
            ("page", pa.int32()),
            ("text", pa.string()),
            ("digits", pa.list_(pa.struct(digit))),
            ("confidence", pa.float64()),
            ("notes", pa.list_(pa.string())),
            ("error", pa.string()),
        ]
    )


def to_table(rows: Sequence[Row]) -> Any:
    """Return the rows as a table of pyarrow."""
    return import_pyarrow().Table.from_pylist([_to_dict(row) for row in rows], schema())


def _to_dict(row: Row) -> dict[str, Any]:
    found = result_to_json(row.result)
    digits = found["digits"]
    return {
        **found,
        "source": row.source,
        "path": _encodable(found["path"]),
        "confidence": min((digit["confidence"] for digit in digits), default=None),
        "error": found["error"] and _encodable(found["error"]),
    }


def _encodable(text: str) -> str:
    """Return a path whose bytes are no UTF-8 as Python's escapes, as Parquet holds UTF-8 only."""
    return text.encode("utf-8", "backslashreplace").decode()


def timings_table(milliseconds: Sequence[float]) -> Any:
    pa = import_pyarrow()
    return pa.table({"milliseconds": pa.array(milliseconds, pa.float32())})
