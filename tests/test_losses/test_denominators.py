"""The option on one rank; `tests/test_distributed.py` shows what it does on two."""

import pytest
import torch
from mmseg.registry import MODELS
from students import STUDENTS, corrmatch, cutmix

from mmseg_plugins.errors import UserError
from mmseg_plugins.losses import global_criteria

LOSSES = [
    dict(type='LabelledCrossEntropyLoss'),
    dict(type='BatchOHEMLoss', min_kept=20),
    dict(type='BatchOHEMLoss', min_kept=0),
    dict(type='ClassDiceLoss'),
    dict(type='MaskedLovaszLoss'),
]


@pytest.mark.parametrize('cfg', LOSSES)
def test_one_rank_is_all_of_them(cfg):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    label = torch.randint(3, (2, 5, 5))
    label[0, :2] = 255
    ours, theirs = (
        MODELS.build(dict(cfg, denominators=choice))(logits, label, ignore_index=255)
        for choice in ('rank', 'global')
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=0)
    label.fill_(255)
    empty = MODELS.build(dict(cfg, denominators='global'))(logits, label, ignore_index=255)
    assert empty == 0


def test_rank_is_mmseg_s():
    logits, label = torch.randn(2, 3, 5, 5), torch.randint(3, (2, 5, 5))
    label[0, :2] = 255
    ours = MODELS.build(dict(type='LabelledCrossEntropyLoss'))
    theirs = MODELS.build(dict(type='CrossEntropyLoss', avg_non_ignore=True))
    assert ours(logits, label, ignore_index=255) == theirs(logits, label, ignore_index=255)


def test_the_segmentor_s_option_reaches_every_criterion():
    student, channels = STUDENTS['psp_aux']
    model = MODELS.build(corrmatch(student, channels, denominators='global'))
    heads = (model.student.decode_head, model.student.auxiliary_head)
    assert [head.loss_decode.denominators for head in heads] == ['global', 'global']
    assert heads[1].loss_decode.loss_weight == 0.4
    assert student['decode_head']['loss_decode']['type'] == 'CrossEntropyLoss'  # not changed
    assert MODELS.build(cutmix(student, denominators='global')).consistency.denominators == 'global'
    both = cutmix(student, denominators='global', clean=dict(type='ConsistencyLoss'))
    assert MODELS.build(both).clean.denominators == 'global'
    # divides by all pixels, of which every rank has as many
    plain = dict(loss_decode=dict(type='CrossEntropyLoss'))
    assert global_criteria(plain, 'X') == plain
    ranged = [dict(type='ClassDiceLoss'), dict(type='MaskedLovaszLoss')]
    found = global_criteria(dict(loss_decode=ranged), 'X')['loss_decode']
    assert found == [dict(loss, denominators='global') for loss in ranged]


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(type='BatchOHEMLoss', denominators='all'), "denominators='all'; use 'rank' or"),
        *(
            (dict(type=name, denominators='all'), "denominators='all'; use 'rank' or")
            for name in ('ConsistencyLoss', 'HardLabelLoss', 'ClassDiceLoss', 'MaskedLovaszLoss')
        ),
        (
            dict(type='LabelledCrossEntropyLoss', denominators='global', class_weight=[1.0, 2.0]),
            "leave class_weight out or set denominators='rank'",
        ),
    ],
)
def test_mistakes(cfg, message):
    with pytest.raises(UserError, match=message):
        MODELS.build(cfg)


def test_a_criterion_that_cannot():
    with pytest.raises(UserError, match="'global', but DiceLoss averages over the pixels of its"):
        global_criteria(dict(decode_head=dict(loss_decode=[dict(type='DiceLoss')])), 'CutMix')
