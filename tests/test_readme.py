"""What the README says works: its own-data leaf trains, and the files that it names exist."""

import re

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

SHORT = dict(
    train_cfg=dict(max_iters=2, val_interval=2),
    param_scheduler=dict(end=2),
    train_dataloader=dict(
        num_workers=0,
        persistent_workers=False,
        batch_size=6,
        sampler=dict(source_ratio=[2, 2, 2]),  # of two unlabelled images
    ),
    val_dataloader=dict(num_workers=0, persistent_workers=False),
)


def test_own_data(tmp_path, root, monkeypatch):
    (leaf,) = re.findall(r'```python\n(.*?)```', (root / 'README.md').read_text(), re.DOTALL)
    (tmp_path / 'own.py').write_text(leaf.replace("'configs/", f"'{root}/configs/"))
    rng = np.random.default_rng(0)
    for folder in ('own/images', 'own/masks'):
        (tmp_path / folder).mkdir(parents=True)
    for name in 'abcde':
        image = rng.integers(0, 256, (60, 80, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / f'own/images/{name}.jpg')
    for name in 'abe':  # the unlabelled ones have no mask
        mask = rng.integers(0, 2, (60, 80), np.uint8)
        Image.fromarray(mask).save(tmp_path / f'own/masks/{name}.png')
    for name, ids in dict(labeled='a\nb\n', unlabeled='c\nd\n', val='e\n').items():
        (tmp_path / f'own/{name}.txt').write_text(ids)

    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('own.py')
    cfg.merge_from_dict(SHORT)
    cfg.work_dir = str(tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    assert 'val/IoU.crack' in runner.message_hub.log_scalars


def test_paths_exist(root):
    for page in [root / 'README.md', *(root / 'configs').glob('**/README.md')]:
        text = page.read_text()
        links = re.findall(r'\]\(((?!http)[^)#]+)\)', text)
        paths = re.findall(r'(?:configs|tools|tests|mmseg_plugins)/[\w./-]+\.(?:py|yml)', text)
        missing = [path for path in links if not (page.parent / path).exists()]
        missing += [path for path in paths if not (root / path).exists()]
        assert not missing, f'{page}: {missing}'
