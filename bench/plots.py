"""Plots of the report: time per sample against T, B and M, with peers and the limit of a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

from growth import AXES, label, series
from rows import Report, Row, select

WORDS = {"T": "samples of one signal", "B": "signals of 2048 samples", "M": "order"}
PEERS = {"torchlpc": "s", "philtorch": "^"}
# One run looks as the next: no dates and no random names in the files.
matplotlib.rcParams.update({"svg.hashsalt": "allpole", "font.size": 9, "figure.figsize": (8, 4.5)})


def nanoseconds(row: Row, key: str = "seconds") -> float:
    return 1e9 * row[key] / row["samples"]


def draw_axis(report: Report, section: str, path: Path) -> None:
    axis = AXES[section]
    figure, plot = plt.subplots()
    for i, (name, rows) in enumerate(series(report["sections"][section], axis).items()):
        rows = sorted(rows, key=lambda row: row[axis])
        x, color = [row[axis] for row in rows], f"C{i}"
        plot.plot(x, [nanoseconds(row) for row in rows], "o-", color=color, ms=3, label=label(name))
        copies = [nanoseconds(row, "copy_seconds") for row in rows]
        plot.plot(x, copies, ":", color=color, lw=1)
    draw_peers(report, axis, plot)
    plot.plot([], [], "k:", lw=1, label="copy of the same bytes")
    plot.set(xscale="log", yscale="log", xlabel=f"{axis}: {WORDS[axis]}", ylabel="ns per sample")
    plot.set_title(f"Forward and backward, {report['machine']}, {report['backend']}", fontsize=9)
    for side in (plot.xaxis, plot.yaxis):
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    plot.grid(alpha=0.3)
    plot.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_peers(report: Report, axis: str, plot: Any) -> None:
    """The peers' all-pole filters of order 2 along this axis."""
    cases = select((report["peers"] or {"results": []})["results"], case=f"allpole along {axis}")
    for peer, marker in PEERS.items():
        points = [
            (case[axis], 1e9 * case["seconds"][peer]["median"] / (case["B"] * case["T"]))
            for case in cases
            if peer in case["seconds"]
        ]
        if points:
            name = peer if axis == "M" else f"{peer}, M={cases[0]['M']}"
            plot.plot(*zip(*points), f"k{marker}--", ms=4, lw=0.7, label=name)


def draw_all(report: Report, base: Path) -> List[Path]:
    paths = []
    for section in AXES:
        if report["sections"].get(section):
            paths.append(Path(f"{base}-{section}.svg"))
            draw_axis(report, section, paths[-1])
    return paths
