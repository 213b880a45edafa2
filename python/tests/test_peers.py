"""The published tests of torchlpc and torchcomp, run against this library in their place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

folder = os.environ.get("APF_PEERS")
archives = sorted(Path(folder).glob("*.tar.gz")) if folder else []


@pytest.mark.skipif(not archives, reason="scripts/test --python fetches the tests")
@pytest.mark.parametrize("archive", archives, ids=lambda path: path.name)
def test_published_tests_pass(archive, tmp_path):
    with tarfile.open(archive) as sources:
        tests = [m for m in sources.getmembers() if re.match(r"[^/]+/tests/[^/]+\.py$", m.name)]
        sources.extractall(tmp_path, tests, filter="data")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    if "ALLPOLE_LIBRARY" in os.environ:  # the package is not installed but run from its sources
        environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parents[1])

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "peers_plugin",
            "--import-mode=importlib",
            ".",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    passed = re.search(r"(\d+) passed", run.stdout)
    assert run.returncode == 0 and passed, run.stdout + run.stderr
    assert int(passed[1]) >= 9  # fewer would mean that the tests were not found
