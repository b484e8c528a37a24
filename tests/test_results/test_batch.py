"""A run on other GPUs than its config states."""

import pytest

from mmseg_plugins.results.batch import batch_deviations, other_batch

VOC = dict(gpus=4, labelled_batch=2, unlabelled_batch=2)


def step(labeled=8, unlabeled=16, norm=24, accumulate=1, denominators='rank'):
    return dict(
        images=dict(labeled=labeled, unlabeled=unlabeled),
        norm_images=norm,
        accumulate=accumulate,
        denominators=denominators,
    )


@pytest.mark.parametrize(
    ('protocol', 'recorded', 'found'),
    [
        (VOC, step(), ''),
        (VOC, step(2, 4), '2 labelled images a step, its config states 8'),
        (VOC, {}, ''),  # a record of before
        (VOC, dict(images=None), ''),
        ({}, step(), ''),
    ],
)
def test_another_batch_is_another_cell(protocol, recorded, found):
    assert other_batch(protocol | dict(step=recorded)).partition(' (see')[0] == found


def deviations(step):
    return batch_deviations(VOC | dict(step=step))


def test_what_cannot_be_equal():
    assert deviations(step()) == deviations(None) == []
    norm, parts = deviations(step(norm=6, accumulate=4))
    assert norm == 'batch norm: statistics over 6 of the 24 images of a step'
    assert parts.startswith('batch: 4 batches a step')
    assert deviations(step(norm=0)) == []  # frozen
    (loss,) = deviations(step(denominators='global'))
    assert loss.startswith('losses: divided by the pixels of all ranks')
