"""Draws what a compressor and a phaser do, as pictures in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import allpole

RATE = 16000


def plot_compressor(path: Path) -> None:
    t = np.arange(RATE) / RATE
    x = np.where((t > 0.2) & (t < 0.6), 0.8, 0.05).astype(np.float32)
    figure, axes = plt.subplots(figsize=(8, 4))
    for release in (20, 100, 400):
        model = allpole.Model("compressor", RATE, threshold=-30, ratio=4, attack=5, release=release)
        axes.plot(t, 20 * np.log10(model(x) / x), label=f"release {release} ms")
    axes.set(xlabel="time, s", ylabel="gain, dB", title="Compressor: a loud part from .2 to .6 s")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def plot_phaser(path: Path) -> None:
    x = np.random.default_rng(0).normal(size=4 * RATE).astype(np.float32)
    model = allpole.Model("phaser", RATE, rate=0.5, feedback=0.3, depth=0.6, window=0.04)
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.specgram(model(x), NFFT=512, Fs=RATE, noverlap=384)
    axes.set(xlabel="time, s", ylabel="frequency, Hz", title="Phaser: notches in noise")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def main(folder: str = ".") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    plot_compressor(Path(folder) / "compressor.png")
    plot_phaser(Path(folder) / "phaser.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
