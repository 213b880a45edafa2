#!/usr/bin/env python3
"""
usage: bench/startup.py ALLPOLE [OUT.json]
Milliseconds that the command takes to render one second of sound, from its start to its end.
"""

import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

RATE, RUNS = 44100, 31


def main() -> None:
    command, times = sys.argv[1], []
    with tempfile.TemporaryDirectory() as folder:
        dry, wet = Path(folder) / "dry.wav", Path(folder) / "wet.wav"
        with wave.open(str(dry), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", i * 7919 % 20000) for i in range(RATE)))
        render = [command, "render", "--effect", "compressor", "-i", str(dry), "-o", str(wet)]
        for _ in range(RUNS):
            start = time.perf_counter()
            subprocess.run(render, check=True, stdout=subprocess.DEVNULL)
            times.append(1e3 * (time.perf_counter() - start))
    quartiles = statistics.quantiles(times, n=4)
    text = json.dumps({"milliseconds": quartiles[1], "quartiles": [quartiles[0], quartiles[2]]})
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
