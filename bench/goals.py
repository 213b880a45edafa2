"""The goals of the project against a report: measured, reached or not, and what limits a miss."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Tuple

from rows import Report, Row, exponent, number, select, table

# What was found for each part of a goal: its name, the figure, whether it reaches the goal.
Finding = Tuple[str, str, bool]


class Goal(NamedTuple):
    area: str
    wanted: str
    command: str
    measure: Callable[[Report], List[Finding]]


# --- recursions against a copy --------------------------------------------------------------------


def bound_by(row: Row) -> str:
    """Of a row beyond its goal: what a copy of its bytes takes of its time."""
    copy, own = (number(1e9 * row[k] / row["samples"], 2) for k in ("copy_seconds", "seconds"))
    return f"memory {copy} of {own} ns"


def copies(rows: List[Row], most: float) -> List[Finding]:
    """Times in plain copies of the bytes that must move."""
    found = []
    for row in rows:
        times = 1 / row["share_of_copy"]
        text, ok = number(times, 2), times <= most
        name = f"M={row['M']}" + ("" if row["pass"] == "both" else f" {row['pass']}")
        found.append((name, text if ok else f"{text} ({bound_by(row)})", ok))
    return found


def batch_rows(report: Report, **wanted: object) -> List[Row]:
    rows = select(report["sections"].get("operators", []), op="allpole", **wanted)
    return [row for row in rows if row["F"] == row["T"]]


def many_signals(report: Report) -> List[Finding]:
    rows = batch_rows(report, **{"pass": ("forward", "backward")})
    return copies([row for row in rows if 16 <= row["B"] < 256], 1.5)


def one_signal(report: Report) -> List[Finding]:
    return copies(batch_rows(report, B=1, **{"pass": "both"}), 2.5)


def device_shares(report: Report, one: bool) -> List[Finding]:
    """Shares of a device's copy bandwidth."""
    if report["backend"] != "cuda":
        return []
    least = {1: 80, 2: 80, 6: 60, 16: 40, 22: 40}
    rows = batch_rows(report, **{"pass": ("forward", "backward")})
    found = []
    for row in rows:
        if (row["B"] == 1) if one else (row["B"] >= 256):
            share, wanted = 100 * row["share_of_copy"], least[row["M"]]
            found.append((f"M={row['M']} {row['pass']}", f"{share:.0f} %", share >= wanted))
    return found


# --- against others -------------------------------------------------------------------------------


def ratios(
    report: Report,
    cases: Tuple[str, ...],
    peer: str,
    least: Callable[[Row], float],
    **wanted: object,
) -> List[Finding]:
    """How many times as long a peer takes."""
    found = []
    for case in select((report["peers"] or {"results": []})["results"], case=cases, **wanted):
        if peer not in case["seconds"]:
            continue
        seconds = {who: s["median"] for who, s in case["seconds"].items()}
        ratio = seconds[peer] / seconds["allpole"]
        text, ok = number(ratio, 2), ratio >= least(case)
        sizes = " ".join(f"{k}={case[k]}" for k in ("M", "window") if k in case)
        name = sizes if case["case"] == "allpole" else f"{case['case']} {sizes}".strip()
        if case["case"] == "compressor":
            name = f"{case['T'] / 44100:.0f} s"
        found.append((name, text if ok else text + plain_call(report, case, seconds[peer]), ok))
    return found


def plain_call(report: Report, case: Row, theirs: float) -> str:
    """The ratio without PyTorch on our side: it allocates every output anew."""
    if case["case"] != "allpole":
        return ""
    sizes = {key: case[key] for key in ("B", "T", "M")}
    row = batch_rows(report, **sizes, **{"pass": "both"})
    return f" (C alone {number(theirs / row[0]['seconds'], 2)})" if row else ""


def torchlpc_many(report: Report) -> List[Finding]:
    least = lambda case: 8 if case["M"] == 1 else 12
    return ratios(report, ("allpole",), "torchlpc", least, B=(32, 64))


def torchlpc_one(report: Report) -> List[Finding]:
    return ratios(report, ("allpole",), "torchlpc", lambda case: 4, B=1)


def by_name(cases: Tuple[str, ...], **least: float) -> Callable[[Report], List[Finding]]:
    return lambda report: ratios(report, cases, "pytorch", lambda case: least[case["case"]])


# --- the rest -------------------------------------------------------------------------------------


def linear_compressor(report: Report) -> List[Finding]:
    rows = select(report["sections"].get("step_growth", []), step="compressor")
    if len(rows) < 2:
        return []
    slope = exponent([row["T"] for row in rows], [row["seconds"] for row in rows])
    return [("exponent of the length", f"{slope:.2f}", slope <= 1.1)]


def scratch(report: Report) -> List[Finding]:
    """Scratch memory of the largest recursions, in shares of their arrays."""
    rows = report["sections"].get("samples", []) + report["sections"].get("batch", [])
    shares = [r["scratch_bytes"] / r["bytes"] for r in rows if r["samples"] >= 1 << 23]
    if not shares:
        return []
    name = "largest share of the arrays, from 2^23 samples on"
    return [(name, number(max(shares), 2), max(shares) < 0.01)]


def startup(report: Report) -> List[Finding]:
    took = report["startup"]["milliseconds"] if report["startup"] else None
    return [("", f"{took:.0f} ms", took < 50)] if took else []


BENCH, PEERS = "allpole_bench", "bench/peers.py"
STEPS = f"{PEERS} --bench PROGRAM --only"
GOALS = [
    Goal(
        "16 signals and more",
        "forward, backward ≤ 1.5 copies of their bytes",
        f"{BENCH} --M 1,2,6 --pass forward,backward; --B 64 --T 16384 --M 16; --T 48000 --M 22",
        many_signals,
    ),
    Goal(
        "",
        "both ≥ 8 × torchlpc (M = 1), ≥ 12 × (more)",
        f"{PEERS} --only allpole",
        torchlpc_many,
    ),
    Goal("1 signal", "both ≤ 2.5 copies", f"{BENCH} --B 1 --T 262144 --M 1,2,6", one_signal),
    Goal("", "both ≥ 4 × torchlpc", f"{PEERS} --only allpole", torchlpc_one),
    Goal(
        "compressor, 30 to 120 s",
        "≥ 6 × PyTorch",
        f"{STEPS} compressor",
        by_name(("compressor",), compressor=6),
    ),
    Goal(
        "",
        "linear in length",
        f"{BENCH} --step compressor --T 220500,441000,1323000,2646000,5292000",
        linear_compressor,
    ),
    Goal(
        "synth's signal path",
        "TD ≥ 8 ×, FS ≥ 3 ×, LSTM ≥ 2 × PyTorch",
        f"{STEPS} voice",
        by_name(("voice_td", "voice_fs", "voice_lstm"), voice_td=8, voice_fs=3, voice_lstm=2),
    ),
    Goal(
        "phaser, 5 s",
        "TD ≥ 15 ×, FS ≥ 5 × PyTorch",
        f"{STEPS} phaser",
        by_name(("phaser_td", "phaser_fs"), phaser_td=15, phaser_fs=5),
    ),
    Goal(
        "synth with its encoder",
        "≥ 1.2 × PyTorch",
        f"{STEPS} synth",
        by_name(("synth_td",), synth_td=1.2),
    ),
    Goal(
        "GPU, 1024 signals",
        "≥ 80 % of copy (M = 1, 2), 60 % (6), 40 % (16, 22)",
        "scripts/bench --backend cuda",
        lambda report: device_shares(report, one=False),
    ),
    Goal(
        "GPU, 1 signal of 2^24",
        "the same",
        "scripts/bench --backend cuda",
        lambda report: device_shares(report, one=True),
    ),
    Goal(
        "memory",
        "recursions: no temporaries beyond tiles",
        f"{BENCH} --B 1 --T 16777216 --json FILE",
        scratch,
    ),
    Goal("start-up", "`allpole render` of 1 s in < 50 ms", "bench/startup.py PROGRAM", startup),
]


def describe(found: List[Finding]) -> str:
    return (
        ", ".join(f"{name}: {text}" if name else text for name, text, _ in found) or "not measured"
    )


def verdict(found: List[Finding]) -> str:
    if not found:
        return ""
    missed = [name for name, _, ok in found if not ok]
    if not missed:
        return "reached"
    return "missed" if len(missed) == len(found) else "missed: " + ", ".join(missed)


def goal_table(report: Report) -> str:
    lines = []
    for goal in GOALS:
        found = goal.measure(report)
        lines.append([goal.area, goal.wanted, describe(found), verdict(found), f"`{goal.command}`"])
    return table("of|goal|measured||command", lines)
