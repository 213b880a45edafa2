"""The operators' arguments: names, axes, and the checks that every framework shares.

The first argument is the signal. Each has axes of its own at the end; the leading axes of all are
the batch and broadcast against each other.
"""

from __future__ import annotations

from typing import Any, List, Literal, NamedTuple, Optional, Sequence, Tuple

Shape = Tuple[int, ...]

# Of return_zf, on which the type of a result depends.
No = Literal[False]
Yes = Literal[True]

SIGNALS = ("x", "dy", "y")
STATES = ("zi", "dzf")  # these may be left out


class Signature(NamedTuple):
    function: str
    names: Tuple[str, ...]
    axes: Tuple[int, ...]  # of their own
    shapes: Tuple[str, ...]  # as messages write them
    real: bool  # no complex numbers
    kept: Optional[int]  # size of the state less that of a set of coefficients; None: no sets


ALLPOLE = Signature(
    "allpole",
    ("x", "a", "zi"),
    (1, 2, 1),
    ("(..., T)", "(..., F, M) or (M,)", "(..., M)"),
    real=False,
    kept=0,
)
RECURRENCE = Signature(
    "linear_recurrence",
    ("x", "a", "zi"),
    (1, 1, 0),
    ("(..., T)", "(..., T) or (..., 1)", "(...)"),
    real=False,
    kept=None,
)
BALLISTICS = Signature(
    "ballistics",
    ("x", "at", "rt", "zi"),
    (1, 0, 0, 0),
    ("(..., T)", "(...)", "(...)", "(...)"),
    real=True,
    kept=None,
)
FIR = Signature(
    "fir",
    ("x", "b", "zi"),
    (1, 2, 1),
    ("(..., T)", "(..., F, K) or (K,)", "(..., K-1)"),
    real=True,
    kept=-1,
)


def with_frames(coefficients: Any) -> Any:
    """One constant set of coefficients may come without its axis of frames."""
    return coefficients[None] if getattr(coefficients, "ndim", None) == 1 else coefficients


def check_rows(signature: Signature, rows: Sequence[Any]) -> None:
    """Sizes that must agree: of the signals, the coefficients and the states."""
    function, name, coefficients = signature.function, signature.names[1], rows[1]
    samples, frames = rows[0].shape[1], 1 if coefficients.ndim == 1 else coefficients.shape[1]
    state = None  # without an axis of its own
    if signature.kept is None:  # one number a sample, or one a row
        if frames != 1 and frames != samples:
            raise _wrong_axis(function, name, frames, f"1 or {samples}")
    else:
        if frames < 1 and samples > 0:
            wanted = signature.shapes[1]
            raise ValueError(f"{function}: {name} has no frames, expected {wanted} with F >= 1")
        order = coefficients.shape[2]
        if order < 1:
            raise _wrong_axis(function, name, 0, "at least 1")
        state = order + signature.kept
    for name, array in zip(signature.names, rows):
        size = samples if name in SIGNALS else state if name in STATES else None
        if array is not None and size is not None and array.shape[1] != size:
            raise _wrong_axis(function, name, array.shape[1], str(size))


def _wrong_axis(function: str, name: str, size: int, wanted: str) -> ValueError:
    return ValueError(f"{function}: the last axis of {name} is {size}, expected {wanted}")


def check_axes(signature: Signature, arrays: Sequence[Any]) -> None:
    for name, array, own, shape in zip(signature.names, arrays, signature.axes, signature.shapes):
        if array is not None and len(array.shape) < own:
            raise ValueError(
                f"{signature.function}: {name} has shape {tuple(array.shape)}, expected {shape}"
            )


def cannot_broadcast(signature: Signature, arrays: Sequence[Any]) -> ValueError:
    told = ", ".join(
        f"{name} {tuple(a.shape)}" for name, a in zip(signature.names, arrays) if a is not None
    )
    return ValueError(f"{signature.function}: the leading axes do not broadcast: {told}")


def to_rows(xp: Any, signature: Signature, arrays: Sequence[Any]) -> Tuple[List[Any], Shape]:
    """For modules like NumPy: arrays (B, ...) or None, and the leading axes that became B."""
    check_axes(signature, arrays)
    axes = signature.axes
    leading = [a.shape[: a.ndim - own] for a, own in zip(arrays, axes) if a is not None]
    if len(leading[0]) == 1 and all(shape == leading[0] for shape in leading):
        check_rows(signature, arrays)
        return list(arrays), leading[0]
    try:
        batch = tuple(xp.broadcast_shapes(*leading))
    except ValueError:
        raise cannot_broadcast(signature, arrays) from None
    rows = 1
    for size in batch:
        rows *= size
    flat: List[Any] = []
    for array, own in zip(arrays, axes):
        if array is not None:
            tail = array.shape[array.ndim - own :]
            array = xp.broadcast_to(array, batch + tail).reshape((rows,) + tail)
        flat.append(array)
    check_rows(signature, flat)
    return flat, batch
