"""The package's types: its own code keeps them, and they tell users what they get."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("mypy", "torch", "jax"):
    pytest.importorskip(needed)

ROOT = Path(__file__).parents[2]
USER = Path(__file__).with_name("typed_user.py")


def mypy(*files: str) -> subprocess.CompletedProcess:
    environment = dict(os.environ)
    if "ALLPOLE_LIBRARY" in os.environ:  # the package is not installed but run from its sources
        environment["MYPYPATH"] = str(ROOT / "python")
    return subprocess.run(
        [sys.executable, "-m", "mypy", *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_package_keeps_its_types():
    run = mypy()  # the files that pyproject.toml names

    assert run.returncode == 0, run.stdout + run.stderr


def test_a_checker_tells_right_from_wrong_in_a_users_code():
    lines = USER.read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("  # refused")}
    assert wrong

    run = mypy(str(USER))

    refused = {int(number) for number in re.findall(r":(\d+): error: ", run.stdout)}
    assert refused == wrong, run.stdout + run.stderr
