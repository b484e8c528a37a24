"""Figures, read back from their axes."""

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mmseg_plugins.results.plots import label_efficiency, method_styles
from mmseg_plugins.results.published import COLUMNS
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.statistics import summarise
from mmseg_plugins.results.table import curve_name, read_table, upsert
from mmseg_plugins.results.training_plots import grid, read_curves


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close('all')


@pytest.fixture
def efficiency(tmp_path, make_run):
    """Draw runs (config, method, labelled, seed, last, iterations)."""

    def draw(*runs, published=()):
        for config, method, labelled, seed, last, length in runs:
            make_run(
                tmp_path / f'{config}{labelled}' / str(seed),
                miou=(last,),
                interval=length,
                config=f'{config}_{labelled}',
                method=method,
                benchmark=f'shapes_{labelled}',
                labelled=labelled,
                seed=seed,
            )
        table = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
        summary = summarise(table)
        theirs = pd.DataFrame(published, columns=['cell', *COLUMNS]).fillna('')
        return label_efficiency(summary, theirs, method_styles(summary)).axes[0]

    return draw


def series(axes):
    """Label to the container of each series of ours."""
    return {container.get_label(): container for container in axes.containers}


def test_means_and_bars(efficiency):
    found = series(
        efficiency(
            ('sup', 'suponly', 12, 0, 40.0, 100),
            ('sup', 'suponly', 12, 1, 44.0, 100),
            ('sup', 'suponly', 24, 0, 50.0, 100),
            ('cut', 'cutmix', 12, 0, 47.0, 100),
        )
    )
    assert {label: c[0].get_ydata().tolist() for label, c in found.items()} == {
        'SupOnly': [42.0, 50.0],
        'CutMix': [47.0],
    }
    sup, cut = found['SupOnly'], found['CutMix']
    (bar,) = [segment[:, 1] for segment in sup[2][0].get_segments() if len(segment)]
    assert bar.tolist() == pytest.approx([42 - 8**0.5, 42 + 8**0.5])
    # A single seed has no bar, in the axes as in the legend.
    assert not cut.has_yerr
    # Two points are no curve.
    assert sup[0].get_linestyle() == 'None'


def test_three_label_counts_are_a_curve(efficiency):
    axes = efficiency(*[('sup', 'suponly', n, 0, 40.0 + n / 1000, 100) for n in (12, 24, 48)])
    assert series(axes)['SupOnly'][0].get_linestyle() == '-'
    low, high = axes.get_ylim()
    assert high - low >= 5 and low < 40 < high


def test_a_longer_schedule_looks_different(efficiency):
    found = series(
        efficiency(('sup', 'suponly', 12, 0, 40.0, 600), ('sup3x', 'suponly', 12, 0, 41.0, 1800))
    )
    short, long = found['SupOnly, 600 iterations'], found['SupOnly, 1800 iterations']
    assert short[0].get_fillstyle() == 'full' != long[0].get_fillstyle()


def test_series_do_not_hide_each_other(efficiency):
    methods = ('suponly', 'cutmix', 'corrmatch')
    axes = efficiency(*((name, name, 12, 0, 40.0, 100) for name in methods))
    shown = axes.transData + axes.transAxes.inverted()
    places = sorted(shown.transform((c[0].get_xdata()[0], 40))[0] for c in axes.containers)
    assert [b - a for a, b in zip(places, places[1:], strict=False)] == pytest.approx([0.035] * 2)


def test_published_are_hollow_and_presumed_ones_left_out(efficiency):
    cell = 'shapes_12/suponly/net'
    axes = efficiency(
        ('sup', 'suponly', 12, 0, 40.0, 100),
        published=[
            {'cell': cell, 'value': 43.0, 'notes': ''},
            {'cell': cell, 'value': 90.0, 'notes': 'list presumed'},
        ],
    )
    (line,) = [line for line in axes.lines if 'published' in line.get_label()]
    assert line.get_ydata().tolist() == [43.0] and line.get_markerfacecolor() == 'none'


def test_the_stock_model_shares_the_panel(tmp_path, make_run):
    make_run(tmp_path / 'w')
    runs = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    curve = pd.DataFrame({'iter': [1, 2], 'decode.loss_ce': [2.0, 1.0], 'loss': [2.0, 1.0]})
    curve.to_csv(tmp_path / curve_name(runs['run_id'][0]), index=False)
    (found,) = read_curves(runs, summarise(runs), tmp_path).values()
    assert list(found) == ['iter', 'sup.decode.loss_ce', 'loss']


def test_the_lowest_panel_of_each_column_has_the_ticks():
    names = ['loss', 'mask_ratio', 'propagated_ratio', 'threshold']
    curve = pd.DataFrame({'iter': [1, 2], **{name: [1.0, 2.0] for name in names}})
    figure = grid('shapes_12', names, [(curve, 'CutMix, 1 seed', {'color': 'k'})])
    ticks = [axes.xaxis.get_tick_params()['labelbottom'] for axes in figure.axes]
    assert ticks == [False, True, True, True]
    assert [axes.get_xlabel() for axes in figure.axes] == ['', *['iteration'] * 3]
