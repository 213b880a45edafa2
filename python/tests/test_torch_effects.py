"""Effects as PyTorch modules: they render as the C library does, train, and become files."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import allpole
from allpole.torch.effects import Compressor, Phaser, Synth

RATE = 16000

COMPRESSORS = [
    {"variant": "td", "threshold": -30, "ratio": 4, "attack": 2, "release": 80, "make_up": 3},
    {"variant": "td", "look_ahead": 40, "threshold": -40, "ratio": 20, "average": 5},
    {"variant": "simple", "threshold": -30, "ratio": 3, "attack": 10},
    {"variant": "fs", "threshold": -30, "ratio": 3, "attack": 10},
]
PHASERS = [
    {"rate": 3, "phase": 0.2, "feedback": 0.4, "depth": 0.3, "bias": 0.05},
    {"window": 0.04, "origin": 0.5, "rate": 1.3, "through": 0.7, "feedback": 0.8},
    {"variant": "fs", "window": 0.04, "origin": 0.5, "rate": 1.3, "feedback": 0.8},
]
SYNTHS = [
    {"channels": 4, **more}
    for more in (
        {"filter": "lp"},
        {"filter": "coeff"},
        {"filter": "lp", "variant": "fs", "window": 200},
        {"filter": "coeff", "variant": "fs", "window": 256},
        {"filter": "lp", "variant": "lstm", "hidden": 5},
        {"filter": "coeff", "variant": "lstm", "hidden": 5},
    )
]


def signal(rng, channels=2, samples=8000):
    return (rng.normal(size=(channels, samples)) * np.linspace(0.01, 1, samples)).astype(np.float32)


def close_to_rounding(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-7 * np.abs(wanted).max())


@pytest.mark.parametrize("settings", COMPRESSORS, ids=str)
def test_the_compressor_module_renders_as_the_library(settings, rng):
    model = allpole.Model("compressor", RATE, **settings)
    x = signal(rng)

    y = model.to_torch(torch.float64)(torch.from_numpy(x).double())

    wanted = model(x)
    assert np.abs(wanted - x).max() > 0.1
    close_to_rounding(y.detach().numpy(), wanted)


@pytest.mark.parametrize("settings", PHASERS, ids=str)
@pytest.mark.parametrize("start", [0.0, 1.7])
def test_the_phaser_module_renders_as_the_library(settings, start, rng):
    model = allpole.Model("phaser", RATE, **settings)
    x = signal(rng)

    y = model.to_torch(torch.float64).eval()(torch.from_numpy(x).double(), start)

    wanted = model(x, start)
    assert np.abs(wanted - x).max() > 0.1
    close_to_rounding(y.detach().numpy(), wanted)


def test_the_phaser_module_keeps_its_poles_in_float32(rng):
    model = allpole.Model("phaser", RATE, **PHASERS[1])
    x = signal(rng)

    y = model.to_torch().eval()(torch.from_numpy(x))

    wanted = model(x)
    assert y.dtype == torch.float32
    # The oscillator and the waveshaper are float32; a filter in float32 would be off by some 1e-2.
    np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


NOTES = np.array([110.0, 221.5, 55.0]), np.array([0.05, 0.02, 0.2]), np.array([0.0, 1.0, -2.0])


@pytest.mark.parametrize("settings", SYNTHS, ids=str)
def test_the_synth_module_plays_as_the_library(settings, rng):
    model = allpole.Model("synth", RATE, **settings)
    x = signal(rng, 3, 1000)

    y = model.to_torch(torch.float64).eval()(torch.from_numpy(x).double(), *NOTES)

    wanted = model.play(x, *NOTES)
    assert model.takes_notes and wanted.std(axis=1).min() > 1e-5
    close_to_rounding(y.detach().numpy(), wanted)


def test_the_synth_module_says_what_it_hears(rng):
    x = torch.from_numpy(signal(rng, 2, 1000))

    found = Synth(RATE, channels=4).eval().controls(x)

    assert found["cutoff"].shape == (2, 1000 // 32 + 1)
    ranges = {"cutoff": (100, 8000), "q": (0.7071, 8), "osc_gain": (0.01, 1), "alpha": (0.1, 6)}
    for name, (low, high) in ranges.items():
        assert low <= found[name].min() and found[name].max() <= high, name


def test_the_synth_module_has_dropout_in_training_only(rng):
    module, x = Synth(RATE, channels=16), torch.from_numpy(signal(rng, 1, 1000))

    def play():
        return module(x, 110.0, 0.05)

    assert not torch.equal(play(), play())
    module.eval()
    assert torch.equal(play(), play())


EACH_KIND = [(Compressor, COMPRESSORS[0]), (Phaser, PHASERS[0]), (Synth, SYNTHS[0])]


@pytest.mark.parametrize("kind, settings", EACH_KIND)
def test_a_module_goes_to_a_file_and_back(kind, settings, tmp_path, rng):
    module = kind(RATE, dtype=torch.float64, **settings).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))

    module.save(tmp_path / "model.safetensors")
    loaded = allpole.load(tmp_path / "model.safetensors")
    back = loaded.to_torch(torch.float64).eval()

    for name, tensor in module.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor), name
    x, notes = signal(rng, 3, 2000), NOTES if kind is Synth else ()
    y = module(torch.from_numpy(x).double(), *notes)
    assert torch.equal(back(torch.from_numpy(x).double(), *notes), y)
    close_to_rounding(y.detach().numpy(), (loaded.play if notes else loaded)(x, *notes))


def test_settings_are_in_human_units():
    module = Compressor(RATE, ratio=4, attack=3, dtype=torch.float64)

    module.set(ratio=8, release=200)

    found = module.settings()
    assert found["ratio"] == pytest.approx(8) and found["release"] == pytest.approx(200)
    assert found["attack"] == pytest.approx(3)
    with pytest.raises(ValueError, match="ratio is 0.1"):
        module.set(ratio=0.1)
    with pytest.raises(ValueError, match="look_ahead is an option"):
        module.set(look_ahead=3)


@pytest.mark.parametrize(
    "kind, settings", [*EACH_KIND, (Phaser, PHASERS[2]), *((Synth, s) for s in SYNTHS[1:])]
)
def test_modules_train(kind, settings, rng):
    x, module = torch.from_numpy(signal(rng, 1, 2000)).double(), kind(RATE, **settings).double()

    module(x, *((110.0, 0.1) if kind is Synth else ())).square().mean().backward()

    missing = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("kind, settings", EACH_KIND)
def test_modules_compile_without_a_graph_break(kind, settings, rng):
    x, module = torch.from_numpy(signal(rng, 2, 2000)), kind(RATE, **settings).eval()
    more = (110.0, 0.1) if kind is Synth else ()

    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")

    torch.testing.assert_close(compiled(x, *more), module(x, *more))


def test_a_make_up_gain_that_shall_not_train_does_not():
    assert not Compressor(RATE, train_make_up="no").make_up_gain.requires_grad
    assert Compressor(RATE).make_up_gain.requires_grad


def test_a_model_of_another_effect_is_refused():
    with pytest.raises(ValueError, match="model is a synth, expected a phaser"):
        Phaser.from_model(allpole.Model("synth", RATE))
