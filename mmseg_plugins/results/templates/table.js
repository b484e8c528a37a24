
/* ---- the table ---- */

const number = (row) => {
  if (row.last_mean === null) return make('span', { class: 'soft' }, row.status);
  return [fixed(row.last_mean), spread(row.last_std, row.n)];
};
const spread = (std, n) =>
  make('span', { class: 'spread' }, std === null ? ` (${n})` : ` ± ${fixed(std)} (${n})`);
/** Which of our numbers is compared: the paper's rule, not always the last. */
const difference = (row) => [signed(row.difference), make('span', { class: 'sub' }, `by ${row.rule}`)];
const verdict = (row) => [
  row.difference == null ? '' : make('span', { class: 'narrow' }, difference(row)),
  row.verdict ? make('span', { class: row.verdict.replace(/\W+/g, '-') }, row.verdict) : '',
  row.verdict && row.reason ? make('span', { class: 'sub wide' }, `because: ${row.reason}`) : '',
];
const subline = (row) => [row.name || row.method, row.network, row.variant].filter(Boolean).join(', ');

// key: what is sorted; show: what is shown; down: descending at the first click.
const COLUMNS = [
  { key: 'benchmark', title: 'Benchmark' },
  { key: 'labelled', title: 'Labelled', class: 'wide number', show: (row) => (row.labelled === null ? '' : String(row.labelled)) },
  {
    key: 'method', title: 'Method', class: 'wide',
    show: (row) => [row.name || row.method || '–', row.variant ? make('span', { class: 'sub' }, row.variant) : ''],
  },
  { key: 'network', title: 'Network', class: 'wide', show: (row) => row.network || '' },
  {
    key: 'published', title: 'Published', class: 'number', down: true,
    show: (row) => (row.published === null ? '–' : stated(row.published) + (row.target ? ' ◆' : '')),
  },
  { key: 'last_mean', title: 'Ours, last', class: 'number', down: true, show: number },
  {
    key: 'best_shown', title: 'Ours, best', class: 'wide number', down: true,
    show: (row) => (row.best_shown == null ? '' : [fixed(row.best_shown), spread(row.best_std, row.n)]),
  },
  { key: 'difference', title: 'Δ', name: 'Difference', class: 'wide number', down: true, show: (row) => (row.difference == null ? '' : difference(row)) },
  { key: 'verdict', title: 'Verdict', show: verdict },
];

// The columns of a published row.
const THEIRS = 5;
const FILTERS = ['dataset', 'family', 'method', 'state', 'text'];
const STATES = {
  'targets of the project': (row) => row.target,
  measured: (row) => row.status === 'measured',
  'not run yet': (row) => row.status === 'not run yet',
  'no config yet': (row) => row.status === 'no config yet',
  within: (row) => row.verdict === 'within',
  below: (row) => row.verdict === 'below',
  above: (row) => row.verdict === 'above',
  'not comparable': (row) => row.verdict === 'not comparable',
};
const view = { sort: '', order: '', limit: PAGE, open: new Set() };

/** The rows that pass the filters, in the order asked for. */
function chosen() {
  const [dataset, family, method, state, text] = FILTERS.map((id) => byId(id).value);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const passes = (row) =>
    (!dataset || row.dataset === dataset) &&
    (!family || row.family === family) &&
    (!method || row.method === method) &&
    (!state || STATES[state](row)) &&
    words.every((word) => row.words.includes(word));
  const context = byId('context').checked;
  const rows = (context ? [...cells, ...published] : cells).filter(passes);
  if (view.sort) {
    const sign = view.order === 'descending' ? -1 : 1;
    const empty = (value) => value === null || value === undefined || value === '';
    rows.sort((a, b) => {
      const [x, y] = [a[view.sort], b[view.sort]];
      if (empty(x) || empty(y)) return empty(x) - empty(y);
      return sign * (typeof x === 'number' ? x - y : collator.compare(x, y));
    });
  } else if (context) {
    // A benchmark's rows together, ours and theirs by mIoU.
    const value = (row) => (row.kind === 'ours' ? row.last_mean : row.published) ?? -1;
    rows.sort((a, b) => benchmarks.get(a.benchmark) - benchmarks.get(b.benchmark) || value(b) - value(a));
  }
  return rows;
}
const collator = new Intl.Collator('en', { numeric: true });
const benchmarks = new Map();
for (const row of [...cells, ...published]) {
  if (!benchmarks.has(row.benchmark)) benchmarks.set(row.benchmark, benchmarks.size);
}

/** How many of the first columns are seen: a phone has fewer. */
const narrow = matchMedia('screen and (max-width: 46rem)');
const span = (end = COLUMNS.length) =>
  COLUMNS.slice(0, end).filter((column) => !narrow.matches || !/wide/.test(column.class)).length;
const respan = () => {
  document.querySelectorAll('tr.detail > td').forEach((td) => td.setAttribute('colspan', span()));
  document.querySelectorAll('td.source').forEach((td) => td.setAttribute('colspan', span() - span(THEIRS)));
};

function tableRow(row, previous) {
  const first = previous && previous.benchmark !== row.benchmark && !view.sort;
  const tr = make('tr', { class: `${row.kind}${first ? ' first' : ''}` });
  // A published row has no number of ours: where it comes from stands there instead.
  COLUMNS.slice(0, row.kind === 'published' ? THEIRS : COLUMNS.length).forEach((column, i) => {
    if (i) tr.append(make('td', { class: column.class }, column.show(row)));
  });
  const under = make('span', { class: 'sub narrow' }, subline(row));
  if (row.kind === 'published') {
    const source = make('span', { class: 'sub' }, [row.crop && `crop ${row.crop}`, row.evidence, row.source].filter(Boolean).join(', '));
    tr.prepend(make('th', { scope: 'row' }, breakable(row.benchmark), under));
    tr.append(make('td', { class: 'source', colspan: span() - span(THEIRS) }, source));
    return [tr];
  }
  const button = make('button', { type: 'button', class: 'open', 'aria-expanded': 'false' }, breakable(row.benchmark || '(no benchmark)'));
  button.append(make('span', { class: 'hidden' }, ` ${subline(row)}: details`));
  tr.prepend(make('th', { scope: 'row' }, button, under));
  button.addEventListener('click', () => toggle(row, tr, button, !view.open.has(row.key)));
  tr.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && view.open.has(row.key)) toggle(row, tr, button, false);
  });
  return view.open.has(row.key) ? [tr, expand(row, tr, button)] : [tr];
}

function expand(row, tr, button) {
  const id = `detail-${row.id}`;
  tr.classList.add('open');
  button.setAttribute('aria-expanded', 'true');
  button.setAttribute('aria-controls', id);
  const detail = make('tr', { class: 'detail', id }, make('td', { colspan: span() }, detailOf(row)));
  detail.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    toggle(row, tr, button, false);
    button.focus();
  });
  return detail;
}

function toggle(row, tr, button, open) {
  if (open) {
    view.open.add(row.key);
    tr.after(expand(row, tr, button));
  } else {
    view.open.delete(row.key);
    tr.classList.remove('open');
    button.setAttribute('aria-expanded', 'false');
    button.removeAttribute('aria-controls');
    tr.nextElementSibling.remove();
  }
  remember();
}

function render() {
  const rows = chosen();
  const shown = rows.slice(0, view.limit);
  byId('cells').tBodies[0].replaceChildren(...shown.flatMap((row, i) => tableRow(row, shown[i - 1])));
  const ours = rows.filter((row) => row.kind === 'ours').length;
  const rest = rows.length - ours;
  byId('count').textContent =
    `${ours} of ${plural(cells.length, 'row')}` +
    (byId('context').checked ? ` and ${rest} of ${published.length} published` : '') +
    (shown.length < rows.length ? `; the first ${shown.length} are shown.` : '.');
  byId('more').replaceChildren();
  if (shown.length < rows.length) {
    const next = Math.min(PAGE, rows.length - shown.length);
    const grow = (limit) => () => {
      const at = view.limit;
      view.limit = limit;
      render();
      // The button is gone: go on where the new rows begin.
      const row = byId('cells').querySelectorAll('tbody > tr:not(.detail)')[at];
      (row.querySelector('button') || byId('cells')).focus();
    };
    byId('more').append(
      make('button', { type: 'button', click: grow(view.limit + PAGE) }, `Show ${next} more`), ' ',
      make('button', { type: 'button', click: grow(Infinity) }, `Show all ${rows.length}`),
    );
  }
  document.querySelectorAll('#cells > thead th').forEach((th, i) => {
    th.setAttribute('aria-sort', COLUMNS[i].key === view.sort ? view.order : 'none');
  });
  remember();
}

/** First click, second click, then the order of the table again. */
function sortBy(column) {
  const first = column.down ? 'descending' : 'ascending';
  const second = column.down ? 'ascending' : 'descending';
  if (view.sort !== column.key) [view.sort, view.order] = [column.key, first];
  else if (view.order === first) view.order = second;
  else [view.sort, view.order] = ['', ''];
  render();
}
