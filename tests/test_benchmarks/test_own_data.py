"""The README's own leaf trains every method, with and without masks for the unlabelled images."""

import re

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from shrink import shrink


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five images, masks of those of 'labels', and lists."""
    rng = np.random.default_rng(0)

    def make(labels):
        for part in ('images', 'masks'):
            (tmp_path / 'own' / part).mkdir(parents=True)
        for name in 'abcde':
            image = rng.integers(0, 256, (30, 40, 3), np.uint8)
            Image.fromarray(image).save(tmp_path / f'own/images/{name}.jpg')
        for name in labels:
            mask = rng.integers(0, 2, (30, 40), np.uint8)
            Image.fromarray(mask).save(tmp_path / f'own/masks/{name}.png')
        for name, ids in dict(labeled='a\nb\n', unlabeled='c\nd\n', val='e\n').items():
            (tmp_path / f'own/{name}.txt').write_text(ids)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


@pytest.mark.parametrize('labels', ['abe', 'abcde'])
@pytest.mark.parametrize('method', ['suponly', 'cutmix', 'corrmatch'])
def test_own_leaf(folder, root, quick, method, labels):
    folder = folder(labels)
    readme = (root / 'README.md').read_text()
    (text,) = re.findall(r'```python\n(.*?)```', readme, re.DOTALL)
    (base,) = re.findall(r"_base_ = '(.*)'", text)
    (leaf,) = (root / f'configs/{method}').glob(f'{method}_*_shapes_12-96.py')
    text = text.replace(base, str(leaf))
    if method != 'corrmatch':
        cutmix, suponly = re.findall(r'`(model = dict.*?)`', readme)
        line = dict(cutmix=cutmix, suponly=suponly)[method]
        text, count = re.subn(r'^model = .*$', line, text, flags=re.MULTILINE)
        assert count == 1
    (folder / 'own.py').write_text(text)

    runner = Runner.from_cfg(shrink(Config.fromfile(folder / 'own.py'), folder / 'run'))
    runner.train()
    assert runner.iter == 1 and 'val/IoU.crack' in runner.message_hub.log_scalars
    loader = runner.train_dataloader.dataset.datasets
    assert ['labels' if d.with_labels else 'none' for d in loader] == [
        'labels',
        *['none'] * (len(loader) - 1),
    ]
    assert len(loader) == (1 if method == 'suponly' else 3)
