"""
The steps of training that allpole_bench times, written with PyTorch as they usually are: recursions
by torchlpc and torchcomp, everything else by PyTorch's own operators. Data and parameters are those
of allpole_bench, so that both give the same loss.

    step = make_step("voice_fs", window=512)      step() runs once, and returns the loss
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import allpole
from allpole.torch import effects

RATE, NOTE_RATE, HOP = 44100, 48000, 32
STABILITY = 1e-3
Step = Callable[[], float]

# --- data -----------------------------------------------------------------------------------------


def random_bits(count: int) -> np.ndarray:
    """The generator of allpole_bench from seed 1: the upper 53 bits of its states."""
    mask = (1 << 64) - 1
    a, c = 6364136223846793005, 1442695040888963407  # of one step; below, of `done` steps
    states = np.empty(count, np.uint64)
    states[0], done = (a + c) & mask, 1
    while done < count:
        n = min(done, count - done)
        with np.errstate(over="ignore"):
            states[done : done + n] = states[:n] * np.uint64(a) + np.uint64(c)
        a, c, done = a * a & mask, c * (a + 1) & mask, done + n
    return states >> np.uint64(11)


def recording(T: int, dtype: torch.dtype) -> Tuple[Tensor, Tensor]:
    """Noise that rises and falls, and what an effect is to make of it."""
    level = 0.05 + 0.25 * (1 + np.sin(2 * math.pi * np.arange(T) / RATE))
    x = (level * (random_bits(T) / 2.0**52 - 1)).astype(np.float32).astype(np.float64)
    target = 0.5 * x
    target[101:] += 0.3 * x[1 : T - 100]
    return torch.as_tensor(x[None], dtype=dtype), torch.as_tensor(target[None], dtype=dtype)


def notes(B: int, T: int, dtype: torch.dtype) -> Dict[str, Tensor]:
    """Saws that die away."""
    b, t = np.arange(B), np.arange(T)
    f0 = 60 + 5.0 * b
    cycles = f0[:, None] * t / NOTE_RATE
    x = (0.5 - (cycles - np.floor(cycles))) * np.exp(-3 * t / T)
    data = {"f0": f0, "duration": np.full(B, 0.9 * T / NOTE_RATE), "phase": b % 7 - 3, "x": x}
    return {name: torch.as_tensor(values, dtype=dtype) for name, values in data.items()}


# --- losses ---------------------------------------------------------------------------------------


def spectra(x: Tensor, n_fft: int, hop: int, window: int) -> Tensor:
    w = torch.hann_window(window, dtype=x.dtype, device=x.device)
    return torch.stft(x, n_fft, hop, window, w, pad_mode="reflect", return_complex=True)


def multi_resolution_loss(y: Tensor, target: Tensor) -> Tensor:
    losses = []
    for n_fft, hop, window in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        got, want = (
            spectra(v, n_fft, hop, window).abs().square().clamp(min=1e-8).sqrt()
            for v in (y, target)
        )
        converged = torch.linalg.norm(want - got) / torch.linalg.norm(want)
        losses.append(converged + (want.log() - got.log()).abs().mean())
    return sum(losses) / 3


def preemphasized_l1(y: Tensor, target: Tensor) -> Tensor:
    from torchlpc import sample_wise_lpc

    e = y - target
    e = e - functional.pad(e[:, :-1], (1, 0))
    return sample_wise_lpc(e, e.new_tensor([-0.995]).expand(*e.shape, 1)).abs().mean()


def error_to_signal(y: Tensor, target: Tensor) -> Tensor:
    return (y - target).square().mean() / (target.square().mean() + 1e-8)


# --- filters --------------------------------------------------------------------------------------


def to_samples(frames: Tensor, T: int) -> Tensor:
    """(B, F, C) to (B, T, C), the last frame at the last sample."""
    columns = functional.interpolate(frames.mT, T, mode="linear", align_corners=True)
    return columns.mT.contiguous()


def recursive_filter(x: Tensor, b: Tensor, a: Tensor, zeros_first: bool) -> Tensor:
    """Coefficients (B, F, K), those of `a` without the leading 1."""
    from torchlpc import sample_wise_lpc

    T = x.shape[-1]
    taps, poles = to_samples(b, T), to_samples(a, T)

    def moving_average(v: Tensor) -> Tensor:
        past = functional.pad(v, (b.shape[-1] - 1, 0)).unfold(-1, b.shape[-1], 1)
        return (past * taps.flip(-1)).sum(-1)

    if zeros_first:
        return sample_wise_lpc(moving_average(x), poles)
    return moving_average(sample_wise_lpc(x, poles))


def sampled_filter(x: Tensor, response: Callable[[int], Tensor], window: int, hop: int) -> Tensor:
    """`response(n_fft)` (B, F, K) times the frames."""
    n_fft = 1 << math.ceil(math.log2(2 * window))
    w = torch.hann_window(window, dtype=x.dtype, device=x.device)
    X = torch.stft(x, n_fft, hop, window, w, pad_mode="constant", return_complex=True)
    Y = X * response(n_fft).mT
    return torch.istft(Y, n_fft, hop, window, w, length=x.shape[-1])


# --- the synth ------------------------------------------------------------------------------------


def between(x: Tensor, low: float, high: float) -> Tensor:
    """x in 0..1 to low..high in octaves."""
    return low * torch.exp(x * math.log(high / low))


def lowpass(cutoff: Tensor, resonance: Tensor) -> Tuple[Tensor, Tensor]:
    w = between(cutoff, 100 * 2 * math.pi / NOTE_RATE, 8000 * 2 * math.pi / NOTE_RATE)
    p = torch.sin(w) / (2 * between(resonance, 0.7071, 8.0)[:, None])
    cosine, a0, scale = torch.cos(w), 1 + p, 1 - STABILITY
    a = torch.stack([-2 * scale * cosine, scale * (1 - p)], -1)
    b = torch.stack([(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2], -1)
    return b / a0[..., None], a / a0[..., None]


class Voice(nn.Module):
    """The signal path behind its controls."""

    def __init__(self, variant: str, window: int, tensors: Dict[str, Tensor]) -> None:
        super().__init__()
        self.variant, self.window = variant, window
        if variant == "lstm":
            self.lstm = nn.LSTM(3, 64, batch_first=True)
            self.out_lstm = nn.Linear(64, 1)
            own = {n: t for n, t in tensors.items() if n.split(".")[0] in ("lstm", "out_lstm")}
            self.load_state_dict(own)

    def forward(self, note: Dict[str, Tensor], c: Dict[str, Tensor]) -> Tensor:
        dry = self._oscillator(note, c) * c["osc_gain"][:, None] * self._envelope(note, c)
        return torch.tanh(self._filtered(dry, c) * c["dist_gain"][:, None])

    @staticmethod
    def _oscillator(note: Dict[str, Tensor], c: Dict[str, Tensor]) -> Tensor:
        f0, shape = note["f0"][:, None], c["osc_shape"][:, None]
        n = torch.arange(1, note["x"].shape[-1] + 1, dtype=f0.dtype, device=f0.device)
        theta = note["phase"][:, None] + 2 * math.pi / NOTE_RATE * n * f0
        partials = 12000 / (f0 * torch.log10(f0))
        square = torch.tanh(math.pi / 2 * partials * torch.sin(theta))
        return (1 - shape / 2) * square * (1 + shape * torch.cos(theta))

    @staticmethod
    def _envelope(note: Dict[str, Tensor], c: Dict[str, Tensor]) -> Tensor:
        duration = note["duration"][:, None]
        n = torch.arange(note["x"].shape[-1], dtype=duration.dtype, device=duration.device)
        ramp = (n + STABILITY) / (NOTE_RATE * duration) + STABILITY
        return (1 - ramp).clamp(min=0) ** c["alpha"][:, None]

    def _filtered(self, dry: Tensor, c: Dict[str, Tensor]) -> Tensor:
        if self.variant == "lstm":
            cutoff = to_samples(c["cutoff"][..., None], dry.shape[-1])
            resonance = c["resonance"][:, None, None].expand_as(cutoff)
            hidden, _ = self.lstm(torch.cat([dry[..., None], cutoff, resonance], -1))
            return torch.tanh(self.out_lstm(hidden)[..., 0] + dry)
        b, a = lowpass(c["cutoff"], c["resonance"])
        if self.variant == "td":
            return recursive_filter(dry, b, a, zeros_first=False)
        poles = functional.pad(a, (1, 0), value=1.0)
        response = lambda n_fft: torch.fft.rfft(b, n_fft) / torch.fft.rfft(poles, n_fft)
        return sampled_filter(dry, response, self.window, HOP)


def mel_filters(n_fft: int, bands: int) -> Tensor:
    """(bins, bands), triangles on the HTK scale."""
    top = 2595 * math.log10(1 + NOTE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    hz = np.arange(n_fft // 2 + 1)[:, None] * NOTE_RATE / n_fft
    rising = (hz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hz) / (corners[2:] - corners[1:-1])
    return torch.as_tensor(np.maximum(0, np.minimum(rising, falling)), dtype=torch.float32)


class Encoder(nn.Module):
    """What listens to a note and sets the voice's controls; the published layers and sizes."""

    dilations = (1, 1, 2, 4, 8, 16)
    heads = {  # of one value for a note, with its range
        "osc_shape": ("osc_shape_0to1", 0, 1),
        "osc_gain": ("osc_gain_0to1", 0.01, 1),
        "dist_gain": ("dist_gain_0to1", 0.01, 4),
        "alpha": ("learned_alpha_0to1", 0.1, 6),
        "resonance": ("q_0to1", 0, 1),
    }

    def __init__(self, tensors: Dict[str, Tensor], channels: int = 64) -> None:
        super().__init__()
        self.register_buffer("mel", mel_filters(1024, 128), persistent=False)
        blocks = []
        for i, dilation in enumerate(self.dilations):
            block = nn.Module()
            block.conv = nn.Conv2d(
                channels if i else 1, channels, (5, 7), padding="same", dilation=(1, dilation)
            )
            block.act = nn.PReLU(channels)
            blocks.append(block)
        self.cnn = nn.ModuleList(blocks)
        self.out_temp = nn.Linear(channels, 1)
        half = channels // 2
        self.out_global = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(channels, half), nn.Dropout(0.25), nn.PReLU(half), nn.Linear(half, 1)
                )
                for name, _, _ in self.heads.values()
            }
        )
        own = {n: t for n, t in tensors.items() if n.split(".")[0] not in ("lstm", "out_lstm")}
        self.load_state_dict(own)

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        power = spectra(x, 1024, HOP, 1024).abs().square()
        h = (power.mT @ self.mel).mT.clamp(min=1e-7).log()[:, None]
        for block in self.cnn:
            h = functional.layer_norm(h, h.shape[-2:])
            h = block.act(functional.max_pool2d(block.conv(h), (2, 1)))
        latent = h.mean(-2)
        controls = {"cutoff": torch.sigmoid(self.out_temp(latent.mT))[..., 0]}
        mean = latent.mean(-1)
        for control, (name, low, high) in self.heads.items():
            value = torch.sigmoid(self.out_global[name](mean))[:, 0]
            controls[control] = low + (high - low) * value
        return controls


# --- steps ----------------------------------------------------------------------------------------


class Compressor(effects.Compressor):
    """The module of this library, with torchcomp's gain."""

    def forward(self, x: Tensor) -> Tensor:
        from torchcomp import avg, compexp_gain

        power = avg(x.square().clamp(min=self.level_floor), torch.sigmoid(self.rms_avg_logit))
        ratio = 1 + torch.exp(self.ratio_logit)
        attack, release = torch.sigmoid(self.at_logit), torch.sigmoid(self.rt_logit)
        low = (self.expander_threshold, self.expander_ratio)
        gain = compexp_gain(power.sqrt(), self.threshold, ratio, *low, attack, release)
        return 10 ** (self.make_up_gain / 20) * x * gain


class Phaser(effects.Phaser):
    """The module of this library, with torchlpc's filter or PyTorch's transforms."""

    sampled = False

    def forward(self, x: Tensor, start: float = 0.0) -> Tensor:
        p = self.all_pass(x.shape[-1] // self.hop + 1, start)
        if self.sampled:
            response = lambda n_fft: self._response(p, n_fft)[None]
            return sampled_filter(x, response, 4 * self.hop, self.hop)
        numerator, denominator = self._filter(p)
        return recursive_filter(x, numerator[None], denominator[None, :, 1:], zeros_first=True)

    def _response(self, p: Tensor, n_fft: int) -> Tensor:
        b, a = self._biquad()
        turns = -2 * math.pi / n_fft * torch.arange(n_fft // 2 + 1, dtype=p.dtype)
        z, p = torch.polar(torch.ones_like(turns), turns), p[:, None]
        chain = ((p - z) / (1 - p * z)) ** 4
        biquad = (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
        return (self.g1 + chain / (1 - self.g2.abs() * chain)) * biquad


def trained(
    loss_of: Callable[[], Tensor], parameters: List[Tensor], optimizer: Any, **options: Any
) -> Step:
    """Forward, backward, clipped update at a rate so small that every step does the same."""
    update = optimizer(parameters, lr=1e-9, **options)

    def step() -> float:
        update.zero_grad()
        loss = loss_of()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        update.step()
        return loss.item()

    return step


def compressor_step(T: int) -> Step:
    x, target = recording(T, torch.float32)
    module = Compressor(RATE, train_make_up="no")
    parameters = [p for p in module.parameters() if p.requires_grad]
    loss = lambda: preemphasized_l1(module(x), target)
    return trained(loss, parameters, torch.optim.SGD, momentum=0.9)


def phaser_step(sampled: bool, T: int) -> Step:
    x, target = recording(T, torch.float64)
    module = Phaser(RATE, dtype=torch.float64)
    module.sampled = sampled
    with torch.no_grad():
        module.lfo.sigma.zero_()
    loss = lambda: error_to_signal(module(x), target)
    return trained(loss, list(module.parameters()), torch.optim.Adam)


def synth_tensors() -> Dict[str, Tensor]:
    model = allpole.Model("synth", NOTE_RATE, variant="lstm")
    return {n: torch.as_tensor(t, dtype=torch.float32) for n, t in model.tensors().items()}


def voice_step(variant: str, window: int, B: int, T: int) -> Step:
    """Forward and backward alone."""
    note = notes(B, T, torch.float32)
    voice = Voice(variant, window, synth_tensors())
    names = ("osc_shape", "osc_gain", "dist_gain", "alpha", "resonance")
    controls = {name: torch.full((B,), 0.5, requires_grad=True) for name in names}
    controls["cutoff"] = torch.full((B, T // HOP + 1), 0.5, requires_grad=True)
    leaves = list(controls.values()) + list(voice.parameters())

    def step() -> float:
        loss = multi_resolution_loss(voice(note, controls), note["x"])
        torch.autograd.grad(loss, leaves, allow_unused=True)
        return loss.item()

    return step


def synth_step(variant: str, window: int, B: int, T: int) -> Step:
    note, tensors = notes(B, T, torch.float32), synth_tensors()
    encoder, voice = Encoder(tensors), Voice(variant, window, tensors)
    parameters = list(encoder.parameters()) + list(voice.parameters())
    loss = lambda: multi_resolution_loss(voice(note, encoder(note["x"])), note["x"])
    return trained(loss, parameters, torch.optim.AdamW)


def make_step(name: str, window: int = 1024, B: int = 34, T: int = 0) -> Step:
    """A step by the name that allpole_bench gives it; its usual sizes."""
    effect, _, variant = name.partition("_")
    if effect == "compressor":
        return compressor_step(T or 60 * RATE)
    if effect == "phaser":
        return phaser_step(variant == "fs", T or 5 * RATE)
    make = voice_step if effect == "voice" else synth_step
    return make(variant, window, B, T or 6000)
