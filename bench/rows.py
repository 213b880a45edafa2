"""What the parts of the report share: rows of results, tables in Markdown."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Sequence

Row = Dict[str, Any]
Report = Dict[str, Any]


def select(rows: Sequence[Row], **wanted: Any) -> List[Row]:
    """Those whose members have the wanted values, or one of a tuple's."""

    def matches(row: Row) -> bool:
        return all(
            row.get(key) in value if isinstance(value, tuple) else row.get(key) == value
            for key, value in wanted.items()
        )

    return [row for row in rows if matches(row)]


def table(head: str, lines: Sequence[Sequence[Any]]) -> str:
    """`head` has columns "name" and, for numbers, "name>"."""
    columns = head.split("|")
    out = ["| " + " | ".join(c.rstrip(">") for c in columns) + " |"]
    out.append("|" + "|".join("--:" if c.endswith(">") else "---" for c in columns) + "|")
    out += ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
    return "\n".join(out)


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the straight line through the logarithms, by least squares."""
    u, v = [math.log(value) for value in x], [math.log(value) for value in y]
    mean_u, mean_v = sum(u) / len(u), sum(v) / len(v)
    above = sum((a - mean_u) * (b - mean_v) for a, b in zip(u, v))
    return above / sum((a - mean_u) ** 2 for a in u)


def number(value: float, digits: int = 3) -> str:
    """With so many significant digits, and never an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def spread(row: Row, scale: float) -> str:
    """Median and half the distance of the quartiles, in the same decimals or more."""
    low, high = row["quartiles"]
    return f"{number(scale * row['seconds'])} ± {number(scale * (high - low) / 2, 1)}"
