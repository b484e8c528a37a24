"""Runs, published rows and the page that is made of them."""

import json

import pandas as pd

from mmseg_plugins.results.cells import cell_table
from mmseg_plugins.results.page import build_page
from mmseg_plugins.results.published import COLUMNS as PUBLISHED_COLUMNS
from mmseg_plugins.results.table import COLUMNS as RUN_COLUMNS
from mmseg_plugins.results.table import curve_name

# What would break out of a script element, an attribute or a line if it were markup.
HOSTILE = (
    '</script><script>document.title="broken"</script><img src=x onerror=alert(1)>'
    '<!--<script> "\'&amp;\u2028\u2029\n\r\t\u202e日本 \\u003c ${1+1} $& $` `,;|😀'
)


def run(config, seed=0, miou=70.0, cell='voc_classic_92/corrmatch/net', protocol=(), **changes):
    """A row of runs.csv of a finished run."""
    benchmark, method, network = cell.split('/', 2)
    fields = {'crop': 321, 'iterations': 100, 'labelled_images': 92, 'selection': 'best on val'}
    return dict.fromkeys(RUN_COLUMNS, '') | {
        **dict(cell=cell, benchmark=benchmark, method=method, network=network),
        'run_id': f'{config}-seed{seed}-20010101_000000-abcdef',
        'config': config,
        'seed': str(seed),
        'status': 'finished',
        'miou_last': f'{miou}',
        'miou_best': f'{miou + 1}',
        'iter_best': '80',
        'iters_done': '100',
        'iters_planned': '100',
        'iou_per_class': json.dumps({'disc': miou, 'ring': miou / 2, 'absent': None}),
        'device': 'A processor, 2 cores',
        'wall_s': '75',
        'versions': '{"torch":"2"}',
        'started': '2001-01-01T00:00:00Z',
        'protocol': json.dumps({**fields, **dict(protocol)}),
        **changes,
    }


def paper(cell='voc_classic_92/corrmatch/net', value=72.5, **changes):
    """A row of published.csv, comparable with :func:`run`."""
    benchmark = cell.split('/')[0]
    return dict.fromkeys(['cell', *PUBLISHED_COLUMNS], '') | {
        **dict(cell=cell, benchmark=benchmark, method='CorrMatch', value=value, metric='mIoU'),
        **dict(n_labeled='92', crop_size='321', evidence='primary', source='a README'),
        **dict(notes='best epoch on val', target='corrmatch'),
        **changes,
    }


def page(runs, papers=(), curves=None, leaves=None, **options):
    """The page of these rows."""
    runs = pd.DataFrame(runs, columns=RUN_COLUMNS, dtype=str)
    published = pd.DataFrame(papers, columns=['cell', *PUBLISHED_COLUMNS])
    return build_page(cell_table(runs, published, leaves), runs, published, curves, **options)


def write_curve(folder, run, text):
    folder.mkdir(exist_ok=True)
    (folder / curve_name(run['run_id'])).write_text(text)


def embedded(text):
    """The data of a page, texts in their places: a dict with lists of dicts."""
    data = json.loads(text.split('id="data">')[1].split('</script>')[0])
    found = {'data': data}
    for name in ('cells', 'runs', 'published', 'protocols'):
        table = data[name]

        def read(column, value, table=table):
            is_text = column in table['text'] and value is not None
            return data['strings'][value] if is_text else value

        found[name] = [
            {column: read(column, value) for column, value in table['same'].items()}
            | {c: read(c, value) for c, value in zip(table['columns'], row, strict=True)}
            for row in table['rows']
        ]
    return found
