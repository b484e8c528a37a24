"""What an optimizer step of a run held, against what its config states."""

from typing import Any


def expected_images(protocol: dict[str, Any]) -> int | None:
    """Labelled images of an optimizer step over all GPUs; None where the protocol does not say."""
    gpus, batch = protocol.get('gpus'), protocol.get('labelled_batch')
    whole = all(isinstance(number, int) for number in (gpus, batch))
    return gpus * batch if whole else None


def other_batch(protocol: dict[str, Any]) -> str:
    """Why a run with another effective batch is no run of its cell.

    Args:
        protocol (dict): Of the run: that of its config, and in ``step`` what
            :func:`mmseg_plugins.loops.step_batch` recorded, if anything.

    Returns:
        str: The reason; empty where the batch is the stated one or one of them is not known.
    """
    images = (_step(protocol).get('images') or {}).get('labeled')
    expected = expected_images(protocol)
    if images is None or expected is None or images == expected:
        return ''
    return f'{images} labelled images a step, its config states {expected} (see docs/fewer_gpus.md)'


def batch_deviations(protocol: dict[str, Any]) -> list[str]:
    """What cannot be equal where a step is spread otherwise, though it has the same images.

    Args:
        protocol (dict): As for :func:`other_batch`.

    Returns:
        list[str]: Texts for footnotes.
    """
    found, step = [], _step(protocol)
    gpus, norm, images = protocol.get('gpus'), step.get('norm_images'), step.get('images') or {}
    if norm and isinstance(gpus, int):
        whole = sum(images.values())
        if whole and norm < whole and (gpus > 1 or (step.get('accumulate') or 1) > 1):
            found.append(f'batch norm: statistics over {norm} of the {whole} images of a step')
    if (step.get('accumulate') or 1) > 1:
        found.append(
            f'batch: {step["accumulate"]} batches a step; gate, threshold and hard pixels by batch'
        )
    if step.get('denominators') == 'global':
        found.append('losses: divided by the pixels of all ranks, in the reference of each rank')
    return found


def _step(protocol: dict[str, Any]) -> dict[str, Any]:
    return protocol.get('step') or {}
