"""Work dirs as MMEngine alone writes them."""

import json

CONFIG = """
default_hooks = dict(checkpoint=dict(interval=100, type='CheckpointHook'))
protocol = dict(
    benchmark='shapes_12', cell='shapes_12/cutmix/net', crop=(96, 96), method='cutmix',
    network='net')
randomness = dict(seed=3)
train_cfg = dict(max_iters=300, type='IterBasedTrainLoop')
train_dataloader = dict(batch_size=4, dataset=dict(benchmark='shapes_12', label_seed=5))
"""


def make_bare(work_dir, name='20010101_000000', config=CONFIG, start=0, scores=(40.0, 60.0, 50.0)):
    """A start that MMEngine alone has written; a validation every 100 iterations."""
    data = work_dir / name / 'vis_data'
    data.mkdir(parents=True)
    (data / 'config.py').write_text(config)
    (work_dir / 'cutmix_leaf.py').write_text(config)
    with open(data / 'scalars.json', 'w') as file:
        for number, score in enumerate(scores, 1):
            step = start + 100 * number
            train = {'loss': 1 / step, 'memory': 900, 'iter': step, 'step': step}
            file.write(json.dumps(train) + '\n')
            file.write(json.dumps({'mIoU': score, 'IoU.box': score, 'step': step}) + '\n')
    return data.parent
