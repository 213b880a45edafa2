#!/usr/bin/env python3
"""
usage: bench/report.py --out FOLDER/NAME [--fill FILE.md ...] -- PART.json ...
       bench/report.py [--fill FILE.md ...] -- FOLDER/NAME.json

Makes the report of scripts/bench: joins the parts SECTION-NN.json of allpole_bench, peers.json and
startup.json into NAME.json, then writes NAME.md and the plots NAME-*.svg (where matplotlib is
installed). The second form makes tables and plots again. --fill replaces what is between
"<!-- begin X -->" and "<!-- end X -->" in a document by the table X of the report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Dict, List

import goals
import growth
from rows import Report, Row, number, spread, table


def join(parts: List[Path]) -> Report:
    """One report of what the parts hold."""
    report: Report = {"sections": {}, "peers": None, "startup": None}
    for path in sorted(parts):
        part, section = json.loads(path.read_text()), path.stem.rpartition("-")[0]
        if not section:
            report[path.stem] = part
            continue
        results = part.pop("results")
        report.update({key: value for key, value in part.items() if key != "repeats"})
        report["sections"].setdefault(section, []).extend(results)
    backends = {row["backend"] for rows in report["sections"].values() for row in rows}
    report["backend"] = "cuda" if "cuda" in backends else "cpu"
    return report


def heading(report: Report) -> str:
    where = [row["where"] for row in report["sections"].get("operators", [])[:1]]
    return (
        f"{report['machine']}, {report['cores']} cores; {', '.join(where)}; allpole "
        f"{report['version']} at {report['commit']}; {report['date']}"
    )


# --- tables of what was measured ------------------------------------------------------------------


def operator_table(rows: List[Row]) -> str:
    head = "op|pass|dtype|B>|T>|F>|M>|simd|threads>|ns/sample>|GB/s>|of copy>|scratch MB>"
    return table(
        head,
        [
            [
                *(r[k] for k in ("op", "pass", "dtype", "B", "T", "F", "M", "simd", "threads")),
                spread(r, 1e9 / r["samples"]),
                f"{1e-9 * r['bytes_per_second']:.1f}",
                f"{100 * r['share_of_copy']:.0f} %",
                number(1e-6 * r["scratch_bytes"], 2),
            ]
            for r in rows
        ],
    )


def step_table(rows: List[Row]) -> str:
    return table(
        "step|dtype|B>|T>|window>|threads>|ms>|memory MB>",
        [
            [
                *(r[k] for k in ("step", "dtype", "B", "T")),
                r["window"] or "",
                r["threads"],
                spread(r, 1e3),
                number(1e-6 * r["memory_bytes"]),
            ]
            for r in rows
        ],
    )


def peer_table(report: Report) -> str:
    if not report["peers"]:
        return "No peers were measured."
    lines = []
    for case in report["peers"]["results"]:
        sizes = " ".join(f"{k}={v}" for k, v in case.items() if k not in ("case", "seconds"))
        ours = case["seconds"]["allpole"]["median"]
        others = (
            f"{who} {number(1e3 * s['median'])} ms ({number(s['median'] / ours, 2)} ×)"
            for who, s in case["seconds"].items()
            if who != "allpole"
        )
        lines.append([case["case"], sizes, number(1e3 * ours), ", ".join(others)])
    return table("case|sizes|allpole, ms>|others", lines)


def headline(report: Report) -> str:
    """Forward and backward from PyTorch, against torchlpc."""
    lines = []
    for case in (report["peers"] or {"results": []})["results"]:
        if case["case"] == "allpole" and "torchlpc" in case["seconds"]:
            B, T, M = case["B"], case["T"], case["M"]
            ours, theirs = (case["seconds"][w]["median"] for w in ("allpole", "torchlpc"))
            ns = [number(1e9 * s / (B * T)) for s in (ours, theirs)]
            lines.append([f"{B} × {T}", M, *ns, f"{theirs / ours:.0f} ×"])
    return table("signals × samples|order>|allpole>|torchlpc>|faster>", lines)


def tables(report: Report) -> Dict[str, str]:
    sections = report["sections"]
    return {
        "machine": heading(report),
        "goals": goals.goal_table(report),
        "headline": headline(report),
        "growth": growth.growth_text(report),
        "dispatch": growth.dispatch_table(report),
        "operators": operator_table(sections.get("operators", [])),
        "variants": operator_table(
            [r for name in ("types", "simd", "threads") for r in sections.get(name, [])]
        ),
        "steps": step_table(sections.get("steps", [])),
        "nodes": step_table(sections.get("nodes", [])),
        "peers": peer_table(report),
    }


TITLES = {
    "goals": "Goals",
    "operators": "Recursions",
    "variants": "Types, instruction sets, threads",
    "steps": "Steps of training",
    "nodes": "Single operators: forward, loss and backward as nodes of a graph",
    "peers": "Other implementations, forward and backward",
    "growth": "How cost grows",
    "dispatch": "Where each division of the work wins",
}


def write(path: Path, text: str) -> None:
    """The file appears when it is complete."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def draw(report: Report, base: Path) -> List[Path]:
    try:
        import plots
    except ImportError as error:
        print(f"plots are left out: {error}", file=sys.stderr)
        return []
    return plots.draw_all(report, base)


def pictures(paths: List[Path], beside: Path) -> str:
    """Markdown of the plots for a document."""
    names = (os.path.relpath(path, beside.parent) for path in paths)
    return "\n".join(f"![{Path(name).stem}]({name})" for name in names)


def fill(path: Path, found: Dict[str, str]) -> None:
    def replaced(match: "re.Match[str]") -> str:
        begin, name, end = match.group(1, 2, 3)
        return f"{begin}\n{found[name]}\n{end}" if name in found else match.group(0)

    pattern = re.compile(r"(<!-- begin (\w+) -->)\n.*?(<!-- end \2 -->)", re.DOTALL)
    write(path, pattern.sub(replaced, path.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fill", nargs="+", type=Path, default=[])
    options = parser.parse_intermixed_args()
    if options.out:
        base, report = options.out, join(options.files)
        write(Path(f"{base}.json"), json.dumps(report, indent=1) + "\n")
    else:
        base = options.files[0].with_suffix("")
        report = json.loads(options.files[0].read_text())
    found, plotted = tables(report), draw(report, base)

    markdown = Path(f"{base}.md")
    text = [found["machine"], pictures(plotted, markdown)]
    text += [f"## {title}\n\n{found[name]}" for name, title in TITLES.items()]
    write(markdown, "\n\n".join(text) + "\n")
    for path in options.fill:
        source = f"[Report]({os.path.relpath(markdown, path.parent)}): {found['machine']}"
        fill(path, {**found, "plots": pictures(plotted, path), "source": source})


if __name__ == "__main__":
    main()
