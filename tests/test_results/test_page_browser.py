"""index.html in a real browser: filters, order, details, keyboard, phone, print, no requests."""

import json
import re
import socket
import time
from contextlib import nullcontext

import pytest
from chromium import PROGRAM, Chromium
from pages import HOSTILE, page, paper, run, write_curve

from mmseg_plugins.results.cells import read_leaves

pytestmark = pytest.mark.skipif(PROGRAM is None, reason='needs Chromium (apt-get install chromium)')
TARGET = 'voc_classic_92/corrmatch/deeplabv3plus-r101'


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """A page with three measured rows, one of them hostile, and all leaves that have not run."""
    folder = tmp_path_factory.mktemp('page')
    name = HOSTILE.replace('/', '')
    runs = [run('ours', seed, miou=70 + seed, cell=TARGET) for seed in (0, 1)]
    runs += [run('ours', 2, cell=TARGET, status='failed', miou_last='')]
    runs += [run('tiny', 0, miou=40.5, cell='shapes_12/suponly/net')]
    runs += [run(name, 0, miou=99, cell=f'zoo_9/{name}/net', protocol={name: name}, device=name)]
    for row in runs[:2]:
        write_curve(folder / 'curves', row, 'iter,mIoU,loss\n50,60,\n60,,0.5\n100,70,0.25\n')
    papers = [
        paper(TARGET, 72.5),
        paper(TARGET.replace('92', '183'), 75.0, n_labeled='183'),
        paper(TARGET.replace('92', '1464'), 80.0, n_labeled='1464'),
        paper('', 80.25, benchmark='voc_classic_92', method='Another', target=''),
        paper('', 90, benchmark='voc_classic_92', method=name, source=name, target=''),
    ]
    file = folder / 'index.html'
    file.write_text(page(runs, papers, folder / 'curves', list(read_leaves())))
    return file


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp('profile')) as browser:
        yield browser


@pytest.fixture
def opened(browser, path):
    """The page as it opens; afterwards: no script error, no message, no request."""
    browser.events.clear()
    browser.resize(1280, 900)
    browser.media()
    browser.open(path)
    yield browser
    assert browser.problems() == []


def rows(browser, column=0, kind=''):
    """The texts of a column of the table."""
    return browser.js(
        f'[...document.querySelectorAll("#cells > tbody > tr{kind}:not(.detail)")]'
        f'.map((row) => row.cells[{column}].innerText.trim())'
    )


def choose(browser, **values):
    for name, value in values.items():
        browser.js(
            f'{{ const it = document.getElementById("{name}");'
            f'it[it.type === "checkbox" ? "checked" : "value"] = {json.dumps(value)};'
            'for (const kind of ["input", "change"])'
            ' it.dispatchEvent(new Event(kind, {bubbles: true})) }'
        )


def count(browser):
    return browser.js('document.getElementById("count").textContent')


def test_filters(opened):
    everything = rows(opened)
    assert len(everything) > 150 and count(opened).startswith(f'{len(everything)} of ')
    choose(opened, dataset='voc')
    assert rows(opened) == [name for name in everything if name.startswith('voc_')]
    choose(opened, family='voc_classic', method='corrmatch')
    assert {text.split()[0] for text in rows(opened, 2)} == {'corrmatch'}
    assert {name.split('_')[1] for name in rows(opened)} == {'classic'} and len(rows(opened)) > 4
    choose(opened, dataset='', family='', method='', state='measured')
    assert len(rows(opened)) == 3
    choose(opened, state='', text='Ours CORRMATCH')
    assert len(rows(opened)) == 1 and count(opened).startswith('1 of ')
    choose(opened, text='no such words')
    assert rows(opened) == [] and count(opened).startswith('0 of ')
    opened.js('document.querySelector("button[type=reset]").click()')
    time.sleep(0.1)
    assert rows(opened) == everything


def test_all_published_rows(opened):
    choose(opened, context=True, family='voc_classic', text='92')
    assert rows(opened, 4, '.published') == ['90.0', '80.25', '72.5 ◆']
    assert '3 of 5 published' in count(opened)
    choose(opened, context=False, text='')
    choose(opened, method='Another')  # has only published rows
    assert opened.js('document.getElementById("context").checked')
    assert rows(opened, 2) == ['Another']


def test_order(opened):
    choose(opened, state='targets of the project')
    before = rows(opened)
    headers = opened.js(
        '[...document.querySelectorAll("#cells > thead button")].map((b) => b.innerText)'
    )
    published = headers.index('Published')
    state = f'document.querySelectorAll("#cells > thead th")[{published}].ariaSort'
    press = f'document.querySelectorAll("#cells > thead button")[{published}].click()'
    orders = []
    for _ in range(3):
        opened.js(press)
        shown = [float(text.split()[0]) for text in rows(opened, published) if text != '–']
        orders.append((opened.js(state), shown == sorted(shown), shown == sorted(shown)[::-1]))
    assert orders[:2] == [('descending', False, True), ('ascending', True, False)]
    assert orders[2][0] == 'none' and rows(opened) == before
    assert opened.js('document.querySelectorAll("#cells th[aria-sort]").length') == len(headers)


def test_details_by_keyboard(opened):
    choose(opened, text='ours deeplabv3plus', dataset='voc', state='measured')
    opened.js('document.getElementById("state").focus()')
    focused = []
    for _ in range(20):
        opened.press('Tab')
        focused.append(opened.js('document.activeElement.innerText || document.activeElement.id'))
        if opened.js('document.activeElement.className') == 'open':
            break
    assert focused[:3] == ['text', 'context', 'Clear'] and 'voc_classic_92' in focused[-1]
    assert 'Published' in focused  # the order of the columns, on the way
    opened.press('Enter')
    assert opened.js('document.activeElement.ariaExpanded') == 'true'
    assert opened.js('document.querySelector("tr.open").cells[7].innerText') == '−1.00\nby best'
    text = opened.js('document.querySelector("tr.detail").innerText')
    for part in ('python tools/launch.py', '70.50 ± 0.71', 'selection', 'best on val', 'Runs (3)'):
        assert part in text
    assert 'no: failed' in text and '72.5 ◆' in text
    assert re.search(r'disc\s+70\.5\s+± 0\.7', text)
    lines = 'document.querySelectorAll(".charts figure:first-child path.line")'
    assert opened.js(f'{lines}.length') == 2
    assert opened.js(f'{lines}[0].getAttribute("d")').startswith('M')
    opened.press('Tab')
    assert opened.js('document.activeElement.innerText') == 'Copy'
    opened.press('Enter')
    time.sleep(0.2)
    assert opened.js('document.activeElement.innerText') in ('Copied', 'Selected')
    opened.js('document.querySelector("tr.detail details > summary").click()')
    time.sleep(0.2)
    scores = opened.js(
        '[...document.querySelectorAll("tr.detail details tbody tr")]'
        '.map((row) => row.cells[0].innerText)'
    )
    assert scores == ['90.0', '80.25', '72.5 ◆', '70.50']
    opened.press('Escape')
    assert not opened.js('document.querySelector("tr.detail")')
    assert 'voc_classic_92' in opened.js('document.activeElement.innerText')


def test_what_is_seen_can_be_passed_on(opened, path):
    choose(opened, dataset='voc', state='measured')
    opened.js('document.querySelector("button.open").click()')
    fragment = opened.js('location.hash')
    assert 'dataset=voc' in fragment and 'open=ours' in fragment
    opened.open(path, fragment)
    assert (
        len(rows(opened)) == 1 and opened.js('document.querySelectorAll("tr.detail").length') == 1
    )
    opened.open(path, '#dataset=nothing&sort=<b>&open=%00')
    assert len(rows(opened)) > 150


def test_hostile_names_are_text(opened):
    choose(opened, dataset='zoo', context=True)
    opened.js('document.querySelector("button.open").click()')
    assert opened.js('document.title').startswith('Semi-supervised')
    assert opened.js('document.querySelectorAll("img, iframe, main script, b").length') == 0
    assert 'onerror=alert(1)' in opened.js('document.querySelector("tr.detail").innerText')
    choose(opened, dataset='voc')
    assert any('<img src=x' in text for text in rows(opened, 2, '.published'))
    assert opened.js('document.querySelectorAll("img").length') == 0
    # nothing is wider than the window, whatever it is called
    for width in (1280, 390):
        opened.resize(width, 844)
        assert opened.js('document.documentElement.scrollWidth') <= width


def test_phone_light_and_dark(opened, path):
    opened.resize(390, 844)
    opened.open(path, '#dataset=voc&state=measured&open=ours')
    assert opened.js('document.documentElement.scrollWidth') == 390
    heads = opened.js(
        '[...document.querySelectorAll("#cells > thead th")].filter((th) => th.offsetWidth)'
        '.map((th) => th.innerText)'
    )
    assert heads == ['Benchmark', 'Published', 'Ours, last', 'Verdict']
    assert opened.js('document.querySelector("tr.detail > td").offsetWidth') > 360
    assert 'corrmatch, deeplabv3plus-r101' in rows(opened)[0]
    colour = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)'
    light = opened.js(colour)
    opened.media(dark=True)
    assert min(light) > 240 and max(opened.js(colour)) < 40


def test_print(opened, path, tmp_path):
    opened.media(dark=True)
    opened.open(path, '#state=measured&open=ours')
    opened.pdf(tmp_path / 'page.pdf')
    assert (tmp_path / 'page.pdf').read_bytes().startswith(b'%PDF')
    opened.media(dark=True, kind='print')
    colour = 'getComputedStyle(document.body).backgroundColor'
    assert opened.js(colour) == 'rgb(255, 255, 255)'  # dark is for screens
    assert opened.js('document.querySelector(".copy").offsetWidth') == 0


def test_no_other_script_runs_and_nothing_is_asked_for(path, tmp_path):
    """Its policy refuses what a name that became markup could try; without it, that works."""
    lawless = tmp_path / 'lawless.html'
    lawless.write_text(path.read_text().replace('Content-Security-Policy', 'nothing'))
    for file, refused in ((path, True), (lawless, False)):
        with (
            socket.create_server(('127.0.0.1', 0)) as server,
            Chromium(tmp_path / f'profile{refused}') as browser,
        ):
            url = f'http://127.0.0.1:{server.getsockname()[1]}/'
            browser.open(file)
            browser.js(
                f'const url = "{url}";'
                'const add = (text) => document.body.insertAdjacentHTML("beforeend", text);'
                'add("<b onclick=\'window.ran = 1\'>b</b>"); document.body.lastChild.click();'
                'add(`<img src="${url}"><style>@import "${url}"</style>`);'
                'const script = document.createElement("script"); script.src = url;'
                'document.body.append(script); fetch(url).catch(() => 0); 0'
            )
            assert browser.js('window.ran') == (None if refused else 1)
            server.settimeout(0.5 if refused else 30)
            with pytest.raises(TimeoutError) if refused else nullcontext():
                server.accept()[0].close()


def test_ten_thousand_runs_respond(browser, tmp_path):
    runs = [run(f'config{i // 4}', i % 4, miou=i % 50) for i in range(10_000)]
    file, start = tmp_path / 'many.html', time.process_time()
    file.write_text(page(runs, [paper(TARGET)] * 1000, leaves=list(read_leaves())))
    assert time.process_time() - start < 10
    assert file.stat().st_size < 5_000_000
    browser.events.clear()
    browser.open(file)
    assert len(rows(browser)) == 300 and ' of 26' in count(browser)

    def seconds(action):
        return browser.js(
            f'(() => {{ const t = performance.now(); {action};'
            'document.body.offsetHeight; return (performance.now() - t) / 1000 })()'
        )

    find = 'const it = document.getElementById("text"); it.value = "config77";'
    assert seconds(find + 'it.dispatchEvent(new Event("input", {bubbles: true}))') < 1
    assert 0 < len(rows(browser)) <= 300
    assert seconds('document.querySelectorAll("#cells > thead button")[5].click()') < 1
    choose(browser, text='')
    assert seconds('document.querySelector("#more button").click()') < 1.5
    assert len(rows(browser)) == 600
    assert browser.problems() == []
