"""From a download to a score on range images: every LiDAR leaf's pipeline, on simulated scans."""

import json
import math

import lidar
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from shrink_lidar import shrink

SETS = dict(semantickitti=(19, 64, 2048), scribblekitti=(19, 64, 2048), nuscenes=(16, 32, 1920))
METHODS = ('suponly', 'cutmix', 'cutmix-lu', 'cutmix-strips')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """A data root for each data set, made once."""
    roots = {}

    def prepare(name):
        if name not in roots:
            folder = tmp_path_factory.mktemp(name)
            roots[name] = lidar.prepared(folder, name, (f'{name}_1pct', f'{name}_10pct'))
        return roots[name]

    return prepare


def leaf_of(leaves, dataset, method):
    percent = 10 if '-' in method else 1
    (leaf,) = (
        leaf
        for leaf in leaves
        if leaf.protocol['benchmark'] == f'{dataset}_{percent}pct'
        and leaf.protocol['method'] == method
    )
    return leaf


def test_the_cells(leaves, config):
    """Twelve cells of CutMix and of SupOnly, each with the published numbers' protocol."""
    mine = [leaf for leaf in leaves if leaf.protocol['network'] == 'fidnet']
    cells = [leaf.protocol['cell'] for leaf in mine if leaf.protocol['primary']]
    assert len(cells) == len(set(cells)) == 24 and len(mine) == 30
    for leaf in mine:
        dataset = leaf.protocol['benchmark'].partition('_')[0]
        cfg = config(leaf.name)
        classes, *size = SETS[dataset]
        assert list(cfg.crop_size) == leaf.protocol['crop'] == size
        network = cfg.model.get('student', cfg.model)
        assert network.decode_head.num_classes == classes
        preprocessor = cfg.model.data_preprocessor
        preprocessor = preprocessor.get('data_preprocessor', preprocessor)
        assert preprocessor.mean is preprocessor.std is None and preprocessor.size == tuple(size)
        if leaf.protocol['method'] == 'cutmix':
            assert cfg.model.consistency.to_dict() == dict(
                type='ConsistencyLoss', kind='var', threshold=0.97, divisor='valid'
            )
            assert cfg.model.box.to_dict() == dict(type='FrenchBox', area=(0.5, 0.5))
            assert cfg.model.get('unsup_weight', 1.0) == 1 and cfg.model.predict_on == 'teacher'
        assert cfg.param_scheduler.end == leaf.protocol['iterations'] == cfg.train_cfg.max_iters


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('dataset', SETS)
def test_one_iteration_and_one_validation(
    dataset, method, data, leaves, config, recorded, at, tmp_path, quick
):
    if '-' in method and dataset != 'nuscenes':
        pytest.skip('the bracket runs on one data set')
    recorded(at(data(dataset)))
    cfg = shrink(config(leaf_of(leaves, dataset, method).name), tmp_path / 'run')
    cfg.default_hooks.visualization = dict(type='RangeVisualizationHook')
    runner = Runner.from_cfg(cfg)
    runner.train()

    scalars = runner.message_hub.log_scalars
    for prefix in ('val', 'val/point'):
        found = [scalars[name].current() for name in scalars if name.startswith(f'{prefix}/IoU.')]
        assert len(found) == SETS[dataset][0] and not any(map(math.isnan, found))
        assert scalars[f'{prefix}/mIoU'].current() == pytest.approx(np.mean(found), abs=0.02)
    terms = {name for name in scalars if name.startswith('train/')}
    assert {
        f'train/{"sup." * (method != "suponly")}decode.loss_{x}' for x in ('ce', 'dice')
    } < terms
    assert any(name.startswith('train/unsup.loss') for name in terms) == (method != 'suponly')
    assert all(torch.isfinite(p).all() for p in runner.model.parameters())
    state = runner.optim_wrapper.optimizer.state
    assert all(any(v.any() for v in s.values() if v.ndim) for s in state.values())
    (record,) = (tmp_path / 'run').glob('*/run.json')
    assert json.loads(record.read_text())['protocol']['network'] == 'fidnet'
    (picture,) = (tmp_path / 'run').glob('*/vis_data/vis_image/val_*.png')
    height = SETS[dataset][1]
    assert Image.open(picture).size == (64, 4 * 2 * height + 3 * 4)


@pytest.mark.parametrize('dataset', SETS)
def test_samples_at_full_size(dataset, data, leaves, config, recorded, at):
    """The leaf's own pipeline, nothing reduced."""
    recorded(at(data(dataset)))
    cfg = config(leaf_of(leaves, dataset, 'cutmix').name)
    classes, *size = SETS[dataset]
    train = DATASETS.build(cfg.train_dataloader.dataset)
    views = []
    for stream in train.datasets:
        sample = stream[0]
        ((view, image),) = ((k, v) for k, v in sample['inputs'].items() if v is not None)
        packed = sample['data_samples'][view]
        views.append(view)
        assert image.shape == (6, *size) and image.dtype == torch.float32
        assert torch.equal(packed.valid.data[0], image[5])
        assert ('gt_sem_seg' in packed) == (view == 'sup')
        if view == 'sup':
            label = packed.gt_sem_seg.data[0]
            assert (label[image[5] == 0] == 255).all()
            known = label != 255
            assert known.any() and label[known].max() < classes
            if dataset == 'scribblekitti':
                assert known.sum() < 0.2 * image[5].sum()
    assert views == ['sup', 'unsup_weak', 'unsup_weak_mix']
    scored = DATASETS.build(cfg.val_dataloader.dataset)[0]['data_samples']
    # the label that a pixel shows is that of one of its points
    shown = scored.gt_sem_seg.data[0].flatten()
    for pixel in np.unique(scored.point_pixels)[::50]:
        assert int(shown[pixel]) in scored.point_labels[scored.point_pixels == pixel]
    assert (scored.point_labels != 255).mean() > 0.9, 'validation labels are dense'


def test_four_scans_are_learnt(data, leaves, config, recorded, at, tmp_path):
    """Check 9: above 95 % pixel mIoU on the scans trained on, without augmentation.

    120 steps end at 99.5 % and more with three seeds; 60 at 89 to 97 %, as the threads round.
    """
    recorded(at(data('semantickitti')))
    cfg = shrink(config(leaf_of(leaves, 'semantickitti', 'suponly').name), tmp_path / 'run')
    val = cfg.val_dataloader.dataset
    dataset = DATASETS.build({**val, 'ann_file': 'splits/semantickitti_1pct/unlabeled.txt'})
    scans = [dataset[index] for index in range(4)]
    assert len({scan['data_samples'].img_path for scan in scans}) == 4
    torch.manual_seed(0)
    cfg.model.backbone.update(stem_channels=(16, 32), channels=16)
    cfg.model.decode_head.update(in_channels=96, hidden_channels=(64,))
    model = MODELS.build(cfg.model)
    model.init_weights()
    batch = model.data_preprocessor(pseudo_collate(scans), training=True)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=120)
    for _ in range(120):
        loss, _ = model.parse_losses(model.loss(**batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        prediction = model(**batch, mode='predict')
    label = torch.cat([p.gt_sem_seg.data for p in prediction])
    found = torch.cat([p.pred_sem_seg.data for p in prediction])[label != 255]
    label = label[label != 255]
    present = label.unique()
    iou = [
        ((found == c) & (label == c)).sum() / ((found == c) | (label == c)).sum() for c in present
    ]
    assert len(present) >= 5
    assert torch.stack(iou).mean() > 0.95
