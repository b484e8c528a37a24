"""Settings of two places that must agree, in every leaf."""

import numpy as np
from mmseg.registry import METRICS, TRANSFORMS


def test_padding_has_the_colour_that_normalisation_makes_zero(leaves, config):
    """French et al.: ``PackValidInputs`` fills the padding with the preprocessor's mean."""
    seen = 0
    for leaf in leaves:
        cfg = config(leaf.name)
        preprocessor = cfg.model.data_preprocessor
        preprocessor = preprocessor.get('data_preprocessor', preprocessor)
        dataset = cfg.train_dataloader.dataset
        for source in {'labeled', 'unlabeled'} & set(dataset):
            for transform in dataset[source].pipeline:
                if transform.type != 'RandomScaleWindow':
                    continue
                colour = TRANSFORMS.build(transform).colour
                assert preprocessor.bgr_to_rgb  # the colour is in the image's order, B, G, R
                assert np.allclose(colour[::-1], preprocessor.mean), leaf.name
                seen += 1
    french = [leaf for leaf in leaves if 'french' in leaf.protocol['benchmark']]
    semi = [leaf for leaf in french if leaf.protocol['method'] != 'suponly']
    assert seen == len(french) + len(semi) > 80


def test_absent_classes_count_as_zero_in_the_papers_benchmarks(leaves, config):
    for leaf in leaves:
        cfg = config(leaf.name)
        tiny = leaf.settings['setting'] == 'ours, tiny'
        both = (cfg.val_evaluator, cfg.test_evaluator)
        for evaluator in [e for each in both for e in (each if isinstance(each, list) else [each])]:
            assert METRICS.build(evaluator).nan_to_num == (None if tiny else 0), leaf.name
