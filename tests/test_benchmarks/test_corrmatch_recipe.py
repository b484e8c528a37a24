"""CorrMatch's leaves have the numbers of the published settings: specification 3 to 5."""

import pytest

GEOMETRY = ['RandomLongSideCrop', 'RandomFlip']


@pytest.fixture
def published(leaves, config):
    """The configs of CorrMatch on one of the papers' data sets."""

    def choose(dataset):
        names = [leaf.name for leaf in leaves if leaf.name.startswith('corrmatch/')]
        found = [config(name) for name in names if f'_{dataset}_' in name]
        assert len(found) > 5
        return found

    return choose


@pytest.mark.parametrize(
    'dataset, classes, crops, rate, factor',
    [('voc', 21, {321, 513}, 0.001, 10), ('cityscapes', 19, {801}, 0.005, 1)],
)
def test_what_both_have(published, dataset, classes, crops, rate, factor):
    configs = published(dataset)
    assert {cfg.protocol.crop for cfg in configs} == crops
    for cfg in configs:
        student, crop = cfg.model.student, (cfg.protocol.crop,) * 2
        assert student.decode_head.num_classes == cfg.model.correlation.num_classes == classes
        assert student.backbone.depth == 101 and student.decode_head.dilations == (12, 24, 36)
        assert student.backbone.init_cfg.checkpoint == 'weights://resnet101_deepstem.pth'
        assert cfg.model.box == dict(type='UniMatchBox', prob=0.5)

        wrapper = cfg.optim_wrapper  # weight decay is the same for all
        assert wrapper.optimizer == dict(type='SGD', lr=rate, momentum=0.9, weight_decay=1e-4)
        assert set(wrapper) <= {'type', 'optimizer', 'paramwise_cfg'}
        keys = wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
        for part in ('decode_head', 'correlation'):
            assert keys.get(part, dict(lr_mult=1)) == dict(lr_mult=factor)

        loader = cfg.train_dataloader
        assert cfg.protocol.gpus * loader.sampler.source_ratio[0] == 8  # and as many unlabelled
        assert set(loader.sampler.source_ratio) == {2} and loader.sampler.coupled_to == [1, None, 1]
        for source, mark in (('labeled', 'LoadIndexMask'), ('unlabeled', 'LoadValidMask')):
            load, label, *geometry = loader.dataset[source].pipeline
            # decoders differ on JPEG alone
            png = loader.dataset[source].type == 'SplitCityscapesDataset'
            backend = None if png else 'pillow'
            assert (load.get('imdecode_backend'), label.type) == (backend, mark)
            assert [transform.type for transform in geometry] == GEOMETRY
            scale, flip = geometry
            assert scale.ratio_range == (0.5, 2.0) and flip.prob == 0.5
            assert scale.crop_size == crop and scale.get('seg_pad_val', 255) == 255
        views = [stream.pipeline[0] for stream in loader.dataset.streams]
        strong = [views[1].unsup_strong, views[2].unsup_strong_mix]
        assert all(view[0] == dict(type='StrongAugment') for view in strong)
        assert all(len(view) == 1 for view in (views[1].unsup_weak, views[2].unsup_weak_mix))


def test_pascal_voc(published):
    for cfg in published('voc'):
        head = cfg.model.student.decode_head
        assert head.loss_decode == dict(type='LabelledCrossEntropyLoss')
        assert cfg.model.thresh_init == 0.85 and cfg.model.get('thresh_update', True)
        assert cfg.model.student.test_cfg == dict(mode='whole')


def test_cityscapes(published):
    for cfg in published('cityscapes'):
        student = cfg.model.student
        mining = dict(type='BatchOHEMLoss', thresh=0.7, min_kept=100000)
        assert student.decode_head.loss_decode == mining
        assert (cfg.model.thresh_init, cfg.model.thresh_update) == (0.0, False)
        assert student.type == 'ClippedSlideEncoderDecoder'
        assert student.test_cfg == dict(mode='slide', crop_size=(801, 801), stride=(534, 534))
