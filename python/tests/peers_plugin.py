"""A pytest plugin under which `import torchlpc` and `import torchcomp` mean this library."""

import torch

import allpole.compat

allpole.compat.install()
torch.set_num_threads(1)
