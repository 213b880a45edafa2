"""What the synth hears with: a log-mel spectrogram and a network that reads it. docs/synth.md."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_DILATIONS = (1, 1, 2, 4, 8, 16)
_N_FFT, _BANDS, _FLOOR = 1024, 128, 1e-7


def log_mel(x: Tensor, sample_rate: int, hop: int) -> Tensor:
    """(B, T) to (B, bands, frames), from 0 Hz to half the sample rate. docs/log_mel.md."""
    window = torch.hann_window(_N_FFT, dtype=x.dtype, device=x.device)
    spectra = torch.stft(x, _N_FFT, hop, window=window, pad_mode="reflect", return_complex=True)
    power = spectra.real.square() + spectra.imag.square()
    return torch.log((_mel_bank(sample_rate).to(x) @ power).clamp(min=_FLOOR))


def _mel_bank(sample_rate: int) -> Tensor:
    """Triangles over the bins of the transform, (bands, bins)."""
    bins = torch.linspace(0, sample_rate / 2, _N_FFT // 2 + 1, dtype=torch.float64)
    highest = 2595 * torch.log10(1 + bins[-1] / 700)
    mel = highest * torch.arange(_BANDS + 2, dtype=torch.float64) / (_BANDS + 1)
    corners = 700 * (10 ** (mel / 2595) - 1)
    width = corners.diff()[:, None]
    rising = (bins - corners[:-2, None]) / width[:-1]
    falling = (corners[2:, None] - bins) / width[1:]
    return torch.minimum(rising, falling).clamp(min=0)


class _Block(nn.Module):
    def __init__(self, inputs: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, (5, 7), padding="same", dilation=(1, dilation))
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.layer_norm(x, x.shape[-2:])
        return self.act(nn.functional.max_pool2d(self.conv(x), (2, 1)))


def layers(channels: int) -> nn.Sequential:
    """Convolutions over (B, 1, bands, frames) that see further and further in time."""
    inputs = (1,) + (channels,) * (len(_DILATIONS) - 1)
    return nn.Sequential(*(_Block(n, channels, d) for n, d in zip(inputs, _DILATIONS)))


def head(channels: int, dropout: float) -> nn.Sequential:
    """From (B, channels) to one number from 0 to 1, (B, 1)."""
    half = channels // 2
    return nn.Sequential(
        nn.Linear(channels, half),
        nn.Dropout(dropout),
        nn.PReLU(half),
        nn.Linear(half, 1),
        nn.Sigmoid(),
    )
