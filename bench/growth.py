"""How time and memory grow, and where each division of the work wins, in words and tables."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Callable, Dict, List, Tuple

from rows import Report, Row, exponent, number, select, table

# Below, what a call costs whatever its size still counts.
LARGE = {"T": 1 << 14, "B": 32, "M": 8}
AXES = {"samples": "T", "batch": "B", "order": "M"}
SMALL_SCRATCH = 1 << 20


def series(rows: List[Row], axis: str) -> Dict[Tuple[Any, ...], List[Row]]:
    """Curves along an axis, by what else they differ in."""
    others = [key for key in ("op", "step", "B", "T", "M") if key != axis]
    name = lambda row: tuple((key, row[key]) for key in others if key in row)
    return {key: list(found) for key, found in groupby(sorted(rows, key=name), key=name)}


def label(name: Tuple[Any, ...]) -> str:
    return " ".join(str(v) if k in ("op", "step") else f"{k}={v}" for k, v in name)


def slope(rows: List[Row], axis: str, value: Callable[[Row], float]) -> str:
    """Exponent where the axis is large, or a dash where nothing is to be fitted."""
    large = [row for row in rows if row[axis] >= LARGE[axis]]
    if len(large) < 2 or not all(value(row) > 0 for row in large):
        return "–"
    return f"{exponent([row[axis] for row in large], [value(row) for row in large]):.2f}"


def growth_lines(rows: List[Row], axis: str) -> List[List[Any]]:
    lines = []
    for name, found in series(rows, axis).items():
        found = sorted(found, key=lambda row: row[axis])
        first, last = found[0], found[-1]
        memory = "memory_bytes" if "step" in first else "scratch_bytes"
        lines.append(
            [
                label(name),
                f"{axis} {first[axis]} to {last[axis]}",
                slope(found, axis, lambda row: row["seconds"]),
                number(1e6 * first["seconds"]),
                number(1e9 * last["seconds"] / samples(last)),
                number(1e-6 * last[memory]),
                (
                    slope(found, axis, lambda row: row[memory])
                    if last[memory] > SMALL_SCRATCH
                    else "–"
                ),
            ]
        )
    return lines


def samples(row: Row) -> float:
    return row["samples"] if "samples" in row else row["B"] * row["T"]


def range_of(lines: List[List[Any]]) -> str:
    found = [float(line[2]) for line in lines if line[2] != "–"]
    return f"{min(found):.2f} to {max(found):.2f}" if found else "not fitted"


def growth_text(report: Report) -> str:
    """A sentence for each axis, then all curves."""
    words, lines = [], []
    for section, axis in AXES.items():
        own = growth_lines(report["sections"].get(section, []), axis)
        words.append(
            f"- Exponent of the time in {axis}, from {LARGE[axis]} on: {range_of(own)} (linear: 1)."
        )
        lines += own
    steps = report["sections"].get("step_growth", [])
    by_batch = tuple({row["step"] for row in steps if row["B"] > 1})
    lines += growth_lines([row for row in steps if row["step"] not in by_batch], "T")
    lines += growth_lines(select(steps, step=by_batch), "B")
    head = (
        "forward and backward|along|exponent of time>|smallest, µs>|largest, ns/sample>"
        "|memory of the largest, MB>|exponent of memory>"
    )
    return "\n".join(words) + "\n\n" + table(head, lines) + "\n\n" + NOTE + "\n\n" + orders(report)


NOTE = (
    "Exponents are slopes of the logarithms where the axis is large (T from 2^14, B from 32, M "
    "from 8). Memory is scratch beside the arrays, of steps everything; a dash: too little to fit."
)


def orders(report: Report) -> str:
    """Time for each order, as it is and for one coefficient."""
    rows = select(report["sections"].get("order", []), op="allpole")
    few, many = select(rows, B=1), [row for row in rows if row["B"] > 1]
    by_order = {row["M"]: row for row in few}
    lines = []
    for row in sorted(many, key=lambda row: row["M"]):
        ns = 1e9 * row["seconds"] / row["samples"]
        line = [
            row["M"],
            f"{ns:.3g}",
            f"{ns / row['M']:.2g}",
            f"{100 * row['share_of_copy']:.0f} %",
        ]
        one = by_order.get(row["M"])
        line += [number(1e9 * one["seconds"] / one["samples"])] if one else [""]
        lines.append(line)
    batch = f"{many[0]['B']} signals" if many else "signals"
    return table(f"M>|{batch}, ns/sample>|by M>|of copy>|1 signal, ns/sample>", lines)


# --- what wins ------------------------------------------------------------------------------------


def cell(rows: List[Row]) -> str:
    """The faster division and by how much; a star where the rule's choice is slower by a tenth."""
    by_split = {row["split"]: row["seconds"] for row in rows}
    sequences, time, auto = (by_split.get(k) for k in ("sequences", "time", "auto"))
    if not sequences or not time or not auto:
        return ""
    ratio = max(sequences, time) / min(sequences, time)
    if ratio < 1.1:
        return "same"
    name = "time" if time < sequences else "sequences"
    return f"{name} {ratio:.1f} ×" + (" *" if auto > 1.1 * min(sequences, time) else "")


def dispatch_table(report: Report) -> str:
    rows = report["sections"].get("split", [])
    if not rows:
        return "Not measured."
    batches = sorted({row["B"] for row in rows})
    sizes = sorted({(row["M"], row["T"]) for row in rows})
    lines = [[M, T, *(cell(select(rows, M=M, T=T, B=B)) for B in batches)] for M, T in sizes]
    head = "M>|T>|" + "|".join(f"B={B}" for B in batches)
    note = (
        "Forward and backward with spans of time or with sequences side by side: which is faster, "
        "by how much (same: within a tenth). A star: the rule in `src/cpu` takes the slower one."
    )
    return note + "\n\n" + table(head, lines)
