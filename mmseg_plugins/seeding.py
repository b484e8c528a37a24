"""Random numbers that are a function of what they are drawn for, not of what was drawn before."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# What a key is for, its second number: no draw of an image shares its numbers with an iteration.
DRAW, ITERATION = 0, 1


@contextmanager
def seeded(seed: int, *key: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's CPU generator by a key; put them back at the end.

    Args:
        seed (int): Of the run.
        key (int): Non-negative numbers that say what is drawn; see :data:`DRAW`.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    words = _words(seed, *key)
    random.seed(words.tobytes())
    np.random.seed(words)
    torch.default_generator.manual_seed(_number(words))  # leaves those of GPUs alone
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def seed_all(seed: int, *key: int) -> None:
    """Seed Python's, NumPy's and torch's generators, those of GPUs too, by a key.

    Args:
        seed (int): Of the run.
        key (int): Non-negative numbers that say what is drawn; see :data:`ITERATION`.
    """
    words = _words(seed, *key)
    random.seed(words.tobytes())
    np.random.seed(words)
    torch.manual_seed(_number(words))


def _words(*key: int) -> np.ndarray:
    """Eight well mixed uint32 of a key; unlike sums, close keys have nothing in common."""
    return np.random.SeedSequence(key).generate_state(8)


def _number(words: np.ndarray) -> int:
    return int(words[0]) | int(words[1] & 0x7FFFFFFF) << 32
