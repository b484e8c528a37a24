"""What the leaves of range images say, number by number: specification (range view) 1.4, 3 to 5."""

import pytest
from mmseg.registry import TASK_UTILS, TRANSFORMS

SETS = ('semantickitti', 'scribblekitti', 'nuscenes')
# specification 3.4; of the flips each axis has its own coin
KITTI = dict(
    drop=0.1,
    flip=0.5,
    scale=(0.95, 1.05),
    reciprocal=False,
    scale_axes='xy',
    turn=180,
    shift=0.1,
)
NUSCENES = dict(KITTI, drop=0, scale=(1, 1.05), reciprocal=True, scale_axes='xyz', shift=0.2)
LOADED = ['LoadLidarPoints', 'LoadLidarLabels']


@pytest.fixture
def leaf(leaves, config):
    """The config of a leaf by data set and method, at 10 %."""

    def find(dataset, method):
        (name,) = (
            leaf.name
            for leaf in leaves
            if leaf.protocol['benchmark'] == f'{dataset}_10pct'
            and leaf.protocol['method'] == method
        )
        return config(name)

    return find


def names(pipeline):
    return [step.type for step in pipeline]


@pytest.mark.parametrize('dataset', SETS)
@pytest.mark.parametrize('method', ['suponly', 'cutmix'])
def test_pipelines(leaf, dataset, method):
    cfg = leaf(dataset, method)
    near = ['RemoveNearPoints'] if dataset == 'nuscenes' else []
    roll = [] if dataset == 'nuscenes' else ['RollColumns']
    moves = [*near, 'AugmentPoints', 'ProjectToRange', *roll]
    assert names(cfg.labeled.pipeline) == [*LOADED, *moves]
    assert names(cfg.unlabeled.pipeline) == [LOADED[0], *moves]
    assert cfg.unlabeled.with_labels is False and 'with_labels' not in cfg.labeled
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        found = names(loader.dataset.pipeline)
        assert found == [*LOADED, *near, 'ProjectToRange', 'PackScanInputs']
    for pipeline in (cfg.labeled.pipeline, cfg.unlabeled.pipeline, cfg.val_dataloader.dataset):
        steps = pipeline if isinstance(pipeline, list) else pipeline.pipeline
        built = {step.type: TRANSFORMS.build(step) for step in steps}
        project = built['ProjectToRange']
        if dataset == 'nuscenes':
            assert built['RemoveNearPoints'].min_radius == 0.9
            assert (project.mode, project.size) == ('ring', (32, 1920))
            assert project.scale.tolist() == [1] * 6
        else:
            assert (project.mode, project.size) == ('spherical', (64, 2048))
            assert project.scale.tolist() == [50, 50, 3, 1, 80, 1] and project.fov == (3, -25)
        if 'AugmentPoints' in built:
            assert vars(built['AugmentPoints']) == (NUSCENES if near else KITTI)
        if 'RollColumns' in built:
            assert built['RollColumns'].margin == 100


@pytest.mark.parametrize('dataset', SETS)
def test_losses_optimiser_and_rule(leaf, dataset):
    for method in ('suponly', 'cutmix'):
        cfg = leaf(dataset, method)
        network = cfg.model.get('student', cfg.model)
        losses = [loss.to_dict() for loss in network.decode_head.loss_decode]
        assert losses == [
            dict(type='CrossEntropyLoss', avg_non_ignore=False),
            dict(type='ClassDiceLoss'),
            dict(type='MaskedLovaszLoss', loss_weight=3.0),
        ]
        assert cfg.optim_wrapper.optimizer.to_dict() == dict(
            type='AdamW', lr=2.5e-3, weight_decay=0.01, eps=1e-6
        )
        for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
            assert [(metric.type, metric.absent) for metric in evaluator] == [
                ('ClassIoUMetric', 'zero'),
                ('PointIoUMetric', 'zero'),
            ]
    (teacher,) = (hook for hook in cfg.custom_hooks if hook.type == 'MeanTeacherHook')
    assert teacher.momentum == 0.01


@pytest.mark.parametrize('dataset', SETS)
def test_brackets(leaf, dataset):
    """R2 and R3 of section 4.3."""
    model = leaf(dataset, 'cutmix-lu').model
    assert model.consistency.to_dict() == dict(
        type='HardLabelLoss', threshold=0.9, lovasz_weight=3.0
    )
    assert model.box.partner == 'labelled' and model.complement and model.clean_weight == 12.5
    assert model.clean.to_dict() == dict(
        type='ConsistencyLoss', kind='var', threshold=0.0, divisor='valid'
    )
    model = leaf(dataset, 'cutmix-strips').model
    assert model.consistency.to_dict() == dict(type='HardLabelLoss', threshold=0.0)
    box = TASK_UTILS.build(model.box)
    assert type(box).__name__ == 'StripBox' and box.partner == 'batch' and box.prob == 1
    assert (box.num_strips, box.share, box.beta) == (4, 0.2, 4)
