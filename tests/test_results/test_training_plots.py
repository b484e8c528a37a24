"""Figures of trainings, read back from their axes."""

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.cells import cell_table
from mmseg_plugins.results.published import COLUMNS
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.statistics import one_per_seed
from mmseg_plugins.results.style import method_styles
from mmseg_plugins.results.table import curve_name, read_table, upsert
from mmseg_plugins.results.training_plots import (
    chosen_runs,
    grid,
    panels_of,
    read_curves,
    training_figures,
)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close('all')


@pytest.fixture
def runs(tmp_path, make_run):
    """Two seeds of SupOnly, a failed CutMix run, and their curves in ``tmp_path``."""
    for seed in (0, 1):
        make_run(tmp_path / 'sup' / str(seed), config='sup', seed=seed)
    make_run(tmp_path / 'cut', config='cut', method='cutmix', status='failed')
    table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    for _, run in table.iterrows():
        level = 10.0 + 10 * int(run['seed'])
        curve = pd.DataFrame(
            {'iter': [1, 2], 'mIoU': [None, level], 'decode.loss_ce': [level, float('inf')]}
        )
        curve.to_csv(tmp_path / curve_name(run['run_id']), index=False)
    return table


def lines(axes):
    return [line.get_ydata().tolist() for line in axes.lines]


def test_a_loss_that_falls_far_is_logarithmic():
    steps = {'iter': [1, 2, 3]}
    falls, rises = ([1.0, 0.1, 0.01], [0.0, 0.1, 1.0])
    curve = pd.DataFrame({**steps, 'loss': falls, 'sup.loss': rises, 'unsup.loss': falls})
    figure = grid('', ['loss', 'sup.loss', 'unsup.loss'], [(curve, 'a', dict(color='k'))])
    assert [axes.get_yscale() for axes in figure.axes] == ['log', 'linear', 'linear']
    figure.canvas.draw()
    assert '0.1' in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


def test_means_and_bands_over_seeds(runs, tmp_path):
    cells = cell_table(runs, pd.DataFrame(columns=['cell', *COLUMNS]))
    # the stock model's losses get the prefix of the methods'
    curves = read_curves(one_per_seed(runs), cells, tmp_path)
    assert list(curves) == ['sup'] and list(curves['sup']) == ['iter', 'mIoU', 'sup.decode.loss_ce']
    found = list(training_figures('shapes_12', cells, curves, method_styles(cells['method'])))
    assert [name for _, name in found] == ['shapes_12_miou', 'shapes_12_training']
    (miou,), (losses,) = (figure.axes for figure, _ in found)
    assert lines(miou) == [[15.0]] and lines(losses) == [[15.0]]  # an infinite loss is no point
    band = miou.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (10, 20)
    assert found[0][0].legends[0].texts[0].get_text() == 'SupOnly, 200 it., 2 seeds'


def test_any_set_of_runs(runs, tmp_path):
    def labels(*args, **kwargs):
        figure = chosen_runs(runs, *args, tmp_path, **kwargs)
        return lines(figure.axes[0]), [text.get_text() for text in figure.legends[0].texts]

    assert labels(['*']) == ([[10.0], [15.0]], ['cut, 1 run, failed', 'sup, 2 runs'])
    values, names = labels(['sup'], per_run=True)
    assert values == [[10.0], [20.0]] and names == sorted(
        runs.loc[runs['config'] == 'sup', 'run_id']
    )
    assert labels([names[1]]) == ([[20.0]], ['sup, 1 run'])


def test_losses_and_what_the_methods_say_have_panels():
    names = 'threshold mask_ratio unsup.loss_kl sup.decode.loss_ce sup.decode.acc_seg lr loss mIoU'
    curve = pd.DataFrame({'iter': [1], **{name: [1.0] for name in names.split()}})
    curve['propagated_ratio'] = None
    assert panels_of([curve]) == [
        *('mIoU', 'loss', 'sup.decode.loss_ce', 'unsup.loss_kl', 'mask_ratio', 'threshold')
    ]


def test_runs_that_are_not_there_are_one_line(runs, tmp_path):
    with pytest.raises(UserError, match=r"no run or config 'nope' .* it has cut, sup"):
        chosen_runs(runs, ['sup', 'nope'], tmp_path)
    with pytest.raises(UserError, match='has no curve of these runs'):
        chosen_runs(runs, ['sup'], tmp_path / 'empty')


@pytest.mark.parametrize('content', [b'', b'\x00\xff', b'step\n1\n', b'iter,loss\n1,oops\n'])
def test_a_broken_curve_is_named(runs, tmp_path, content):
    path = tmp_path / curve_name(runs['run_id'][0])
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        chosen_runs(runs, ['*'], tmp_path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_the_lowest_panel_of_each_column_has_the_ticks():
    names = ['loss', 'mask_ratio', 'propagated_ratio', 'threshold']
    curve = pd.DataFrame({'iter': [1, 2], **{name: [1.0, 2.0] for name in names}})
    figure = grid('shapes_12', names, [(curve, 'CutMix, 1 seed', {'color': 'k'})])
    ticks = [axes.xaxis.get_tick_params()['labelbottom'] for axes in figure.axes]
    assert ticks == [False, True, True, True]
    assert [axes.get_xlabel() for axes in figure.axes] == ['', *['iteration'] * 3]
