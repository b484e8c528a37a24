"""Figures, read back from their axes."""

import importlib.metadata
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.agreement_plots import agreement, comparable
from mmseg_plugins.results.cells import cell_table, read_leaves
from mmseg_plugins.results.class_plots import MAP, class_heat_map, class_table
from mmseg_plugins.results.comparison import tolerance
from mmseg_plugins.results.efficiency_plots import label_efficiency
from mmseg_plugins.results.plots import NONE_COMPARABLE, draw_all
from mmseg_plugins.results.published import COLUMNS, read_published
from mmseg_plugins.results.runs import gather
from mmseg_plugins.results.statistics import one_per_seed
from mmseg_plugins.results.style import NAMES, drawing, method_styles, render
from mmseg_plugins.results.table import read_table, upsert
from mmseg_plugins.results.training_plots import training_figures


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close('all')


def published_table(*rows):
    return pd.DataFrame(rows, columns=['cell', *COLUMNS]).fillna('')


@pytest.fixture
def table(tmp_path, make_run):
    """``runs.csv`` of runs (config, method, labelled, seed, last, iterations)."""

    def make(*runs, **changes):
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
                **changes,
            )
        return upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)

    return make


@pytest.fixture
def efficiency(table):
    def draw(*runs, published=(), full=()):
        cells = cell_table(table(*runs), published_table(*published))
        return label_efficiency(cells, method_styles(cells['method']), full).axes[0]

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
    short, long = found['SupOnly, 600 it.'], found['SupOnly, 1800 it.']
    assert short[0].get_fillstyle() == 'full' != long[0].get_fillstyle()


def test_series_do_not_hide_each_other(efficiency):
    methods = ('suponly', 'cutmix', 'corrmatch')
    axes = efficiency(*((name, name, 12, 0, 40.0, 100) for name in methods))
    shown = axes.transData + axes.transAxes.inverted()
    places = sorted(shown.transform((c[0].get_xdata()[0], 40))[0] for c in axes.containers)
    assert [b - a for a, b in zip(places, places[1:], strict=False)] == pytest.approx([0.035] * 2)


def test_no_point_is_taken_for_another_label_count(efficiency):
    methods = 'suponly cutmix cutout cutmix-colour cutout-colour corrmatch'.split()
    axes = efficiency(*((name, name, n, 0, 40.0, 100) for name in methods for n in (12, 16, 1600)))
    places = np.array([c[0].get_xdata() for c in axes.containers])
    assert places.shape == (6, 3) and (np.diff(places, axis=0) > 0).all()
    middle = (12 * 16) ** 0.5
    assert places[:, 0].max() < middle < places[:, 1].min()


def test_another_crop_is_another_series(tmp_path, make_run):
    for crop, last, primary in ((64, 40.0, False), (96, 50.0, True)):
        options = dict(config=f'sup{crop}', protocol={'crop': crop, 'primary': primary})
        make_run(tmp_path / str(crop), miou=(last,), **options)
    runs = upsert(read_table(tmp_path / 'none.csv'), gather([tmp_path]).runs)
    cells = cell_table(runs, published_table())
    axes = label_efficiency(cells, method_styles(['suponly'])).axes[0]
    found = [(c.get_label(), *c[0].get_ydata(), c[0].get_fillstyle()) for c in axes.containers]
    assert found == [('SupOnly, crop 96', 50.0, 'full'), ('SupOnly, crop 64', 40.0, 'left')]
    figure = class_heat_map('shapes_12', cells, class_table(one_per_seed(runs), cells))
    labels = {tick.get_text() for tick in figure.axes[0].get_yticklabels()}
    assert labels == {'SupOnly, crop 64', 'SupOnly, crop 96'}
    lines = {'iter': [1, 2], 'mIoU': [1.0, 2.0]}
    curves = {config: pd.DataFrame(lines) for config in cells['config']}
    ((figure, _),) = training_figures('shapes_12', cells, curves, method_styles(['suponly']))
    texts = {text.get_text() for text in figure.legends[0].texts}
    assert texts == {'SupOnly, crop 64, 100 it., 1 seed', 'SupOnly, crop 96, 100 it., 1 seed'}


def test_published_are_hollow_and_presumed_ones_left_out(efficiency):
    axes = efficiency(
        ('sup', 'suponly', 12, 0, 40.0, 100),
        ('sup', 'suponly', 24, 0, 40.0, 100),
        published=[
            {'cell': 'shapes_12/suponly/net', 'value': 43.0, 'notes': ''},
            {'cell': 'shapes_24/suponly/net', 'value': 90.0, 'notes': 'list presumed'},
        ],
    )
    (line,) = [line for line in axes.lines if line.get_label() == 'hollow: published']
    assert line.get_ydata().tolist() == [43.0] and line.get_markerfacecolor() == 'none'
    # beside ours, not on it
    assert line.get_xdata()[0] > series(axes)['SupOnly'][0].get_xdata()[0]
    assert 'hollow: published' in [text.get_text() for text in axes.figure.legends[0].texts]


def test_all_labels_are_a_line_across(efficiency):
    runs = [('sup', 'suponly', n, seed, n / 4, 100) for n in (12, 200) for seed in (0, 1)]
    axes = efficiency(*runs, full={'shapes_200'})
    assert series(axes)['SupOnly'][0].get_ydata().tolist() == [3.0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ['12']
    (line,) = [
        line for line in axes.lines if len(set(line.get_ydata())) == 1 < len(line.get_ydata())
    ]
    assert line.get_ydata()[0] == 50.0
    (text,) = axes.texts
    assert text.get_text() == '50.0 ± 0.0'


def test_the_published_full_supervision_is_hollow_on_the_edge(efficiency):
    runs = [('sup', 'suponly', n, 0, n / 4, 100) for n in (12, 200)]
    cell = {'cell': 'shapes_200/suponly/net', 'value': 90.0}
    axes = efficiency(*runs, full={'shapes_200'}, published=[cell])
    (point,) = [line for line in axes.lines if line.get_ydata() == [90.0]]
    assert point.get_markerfacecolor() == 'none' and point.get_xdata() == [1]
    assert axes.get_ylim()[1] > 90  # not cut off
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ['12']


def test_alone_it_is_a_point(efficiency):
    axes = efficiency(('sup', 'suponly', 200, 0, 50.0, 100), full={'shapes_200'})
    assert series(axes)['SupOnly'][0].get_ydata().tolist() == [50.0]


def test_ours_against_published(table):
    rows = [('sup', 'suponly', n, seed, 40.0 + seed, 100) for n in (92, 400) for seed in (0, 2)]
    published = [
        {'cell': f'shapes_{n}/suponly/net', 'value': 42.0, 'crop_size': '96'} for n in (92, 400)
    ]
    cells = cell_table(table(*rows), published_table(*published))
    left, right = agreement(cells, method_styles(cells['method'])).axes
    assert left.containers[0][0].get_xydata().tolist() == [[42, 41], [42, 41]]
    assert right.containers[0][0].get_xydata().tolist() == [[92, -1], [400, -1]]
    band = right.collections[0].get_paths()[0].vertices
    for count in (92, 400):
        heights = np.abs(band[np.abs(np.log(band[:, 0] / count)) < 0.02][:, 1])
        assert heights == pytest.approx(tolerance(count), abs=0.1)
    # 1.0 is within 3.0 at 92 labels, beyond 0.6 at 400: only the latter is named
    (name,) = right.texts
    assert name.get_text() == 'shapes_400/suponly/net −1.0'


def test_cells_that_do_not_compare_are_left_out(table):
    run = ('sup', 'suponly', 92, 0, 41.0, 100)
    published = {'cell': 'shapes_92/suponly/net', 'value': 42.0, 'crop_size': '321'}
    assert comparable(cell_table(table(run), published_table(published))).empty


def test_classes_are_means_over_seeds(table):
    runs = table(*[('sup', 'suponly', 12, seed, 40.0 + seed, 100) for seed in (0, 1)])
    runs.loc[0, 'iou_per_class'] = '{"box":null,"disc":40.0}'
    runs.loc[1, 'iou_per_class'] = '{"box":null,"disc":50.0}'
    cells = cell_table(runs, published_table())
    scores = class_table(one_per_seed(runs), cells)
    assert scores.to_dict('records') == [
        {'mIoU': 40.5, 'box': pytest.approx(np.nan, nan_ok=True), 'disc': 45.0}
    ]
    axes = class_heat_map('shapes_12', cells, scores).axes[0]
    assert [text.get_text() for text in axes.texts] == ['40.5', '–', '45.0']
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ['SupOnly']


@pytest.mark.parametrize('text', ['{oops', '3', '{"box":"x"}'])
def test_classes_that_cannot_be_read(table, text):
    runs = table(('sup', 'suponly', 12, 0, 40.0, 100)).assign(iou_per_class=text)
    with pytest.raises(UserError, match='iou_per_class of a run of sup_12'):
        class_table(one_per_seed(runs), cell_table(runs, published_table()))


def test_many_classes_go_on_below(table):
    runs = table(('sup', 'suponly', 12, 0, 40.0, 100))
    cells = cell_table(runs, published_table())
    scores = pd.DataFrame([range(60)], columns=[f'c{n}' for n in range(60)], index=cells.index)
    *panels, _bar = class_heat_map('shapes_12', cells, scores).axes
    assert [len(axes.texts) for axes in panels] == [12] * 5


def test_all_figures_of_two_benchmarks(table, tmp_path):
    odd = '<b>$x_{\n, "名"'
    runs = table(
        *[('sup', 'suponly', n, 0, 40.0, 100) for n in (12, 200)], ('odd', odd, 12, 0, 41.0, 100)
    )
    leaf = next(leaf for leaf in read_leaves() if leaf.protocol['benchmark'] == 'shapes_200')
    files, notes = draw_all(runs, published_table(), [leaf], tmp_path)
    assert notes == [NONE_COMPARABLE]
    names = {
        f'shapes_{what}.{kind}'
        for what in ('label_efficiency', '12_classes', '200_classes')
        for kind in ('svg', 'png')
    }
    assert {path.name for path in files} == names and not (tmp_path / 'figures').exists()
    with plt.rc_context({'font.size': 20, 'svg.fonttype': 'none', 'savefig.pad_inches': 1}):
        # whatever the user's matplotlibrc says
        assert draw_all(runs, published_table(), [leaf], tmp_path)[0] == files
    shown = texts(files[tmp_path / 'figures/shapes_12_classes.svg'])
    assert {'SupOnly', 'SupOnly, all 200 labels'} < set(shown)


@pytest.mark.filterwarnings('error')
def test_names_that_the_font_lacks(monkeypatch):
    """Another font draws them, or their codes stand there; no boxes, no warnings."""
    manager = matplotlib.font_manager.fontManager
    own = [font for font in manager.ttflist if 'mpl-data' in font.fname]  # matplotlib's
    monkeypatch.setattr(manager, 'ttflist', own)
    with drawing():
        figure, axes = plt.subplots()
        axes.set_xticks([0, 1], ['名Ⓐ', 'é\x07'])
        axes.set_title('плот')
    svg = render(figure)['.svg']
    assert texts(svg)[-1] == 'плот' and {'\\u540dⒶ', 'é\\u0007'} < set(texts(svg))
    assert b'STIXGeneral' in svg and b'LastResort' not in svg


def test_colours_are_told_apart_by_colour_blind_readers():
    """And the heat map in grey print: its lightness only rises."""
    assert len(set(method_styles([f'm{n}' for n in range(20)]).values())) == 20 + len(NAMES)
    lightness = matplotlib.colormaps[MAP](np.linspace(0, 1, 50))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def texts(svg):
    """All texts of an SVG, which matplotlib notes beside their outlines."""
    return sorted(re.findall(r'<!-- (.*?) -->', svg.decode(), re.DOTALL))


def versions_of(root):
    """Whether what draws is installed as in constraints.txt."""
    pinned = dict(
        line.split('==') for line in (root / 'constraints.txt').read_text().split() if '==' in line
    )
    drawing = ('matplotlib', 'numpy', 'pandas', 'contourpy', 'kiwisolver')
    return all(importlib.metadata.version(name) == pinned[name] for name in drawing)


def test_the_committed_figures_are_drawn_again(root):
    """Byte for byte under constraints.txt, with other versions by their texts."""
    results = root / 'results'
    runs = read_table(results / 'runs.csv')
    files, _ = draw_all(runs, read_published(results), read_leaves(), results, ['.svg'])
    drawn = {path.name: content for path, content in files.items()}
    committed = {path.name: path.read_bytes() for path in (results / 'figures').glob('*.svg')}
    assert sorted(drawn) == sorted(committed)
    same = (lambda svg: svg) if versions_of(root) else texts
    changed = [name for name in drawn if same(drawn[name]) != same(committed[name])]
    assert not changed, f'{changed} differ: run python tools/plot_results.py'
