
/* ---- the details of a row ---- */

const listOf = (pairs) =>
  make('dl', {}, pairs.filter(([, value]) => value !== null && value !== '' && value !== undefined)
    .flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
const block = (title, ...content) => make('section', {}, make('h3', {}, title), content);
const gridOf = (head, lines) =>
  make('div', { class: 'scroll' },
    make('table', {},
      make('thead', {}, make('tr', {}, head.map(([name, kind]) => make('th', { scope: 'col', class: kind }, name)))),
      make('tbody', {}, lines)));

function detailOf(row) {
  const shown = row.runs || [];
  return make('div', {},
    make('div', { class: 'columns' },
      block('Published and ours', comparison(row)),
      row.command ? block('Command', command(row.command)) : '',
      row.protocol === null ? '' : block('Protocol', protocol(protocols[row.protocol])),
      row.id in data.ious ? block('IoU per class, last validation', perClass(data.ious[row.id], row.n)) : ''),
    curves(shown),
    shown.length || row.runs_left ? block(`Runs (${shown.length + (row.runs_left || 0)})`, runTable(shown)) : '',
    row.runs_left ? make('p', {}, `${plural(row.runs_left, 'more run')} of this row: see runs.csv.`) : '',
    papers(row));
}

function comparison(row) {
  const mean = (value, std) =>
    value === null ? null : `${fixed(value)}${std === null ? '' : ` ± ${fixed(std)}`} (${plural(row.n, 'seed')}${row.seeds ? `: ${row.seeds}` : ''})`;
  return listOf([
    ['cell', row.cell && breakable(row.cell)],
    ['config', row.config],
    ['published', row.published === null ? 'nothing for this cell' : stated(row.published) + (row.target ? ' ◆' : '')],
    ['range of all published', row.published_range],
    ['source', row.published_source && `${row.published_source} (${row.published_evidence})`],
    ['notes', row.published_notes],
    ['ours, last', row.last_mean === null ? row.status : mean(row.last_mean, row.last_std)],
    ['ours, best', mean(row.best_mean, row.best_std)],
    [`difference, by ${row.rule}`, signed(row.difference)],
    ['tolerance', row.tolerance === null || row.published === null ? null : `± ${row.tolerance}`],
    ['verdict', row.verdict && make('span', { class: row.verdict.replace(/\W+/g, '-') }, row.verdict)],
    [row.verdict ? 'because' : 'protocol differs', row.reason],
    ['deviations', row.deviations],
    ['rank by last', rank(row, row.rank_last)],
    ['rank by own rule', row.published === null ? null : rank(row, row.rank_own) && `${rank(row, row.rank_own)} (${row.rule})`],
    ['GPU hours', row.gpu_hours && `about ${row.gpu_hours} for one run`],
  ]);
}
/** Among our rows of the benchmark and network. */
const rank = (row, place) => {
  const rivals = cells.filter((other) => other.benchmark === row.benchmark && other.network === row.network && other.last_mean !== null);
  return place === null || rivals.length < 2 ? null : `${place} of our ${rivals.length} with this network`;
};

function command(text) {
  const code = make('code', {}, text);
  const button = make('button', { type: 'button', class: 'copy', 'aria-live': 'polite' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      // No clipboard for a file from disk in some browsers: select it, so that a key copies it.
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
    }
  });
  return make('div', { class: 'command' }, code, button);
}

const protocol = (fields) =>
  listOf(Object.entries(fields).filter(([, value]) => value !== null).sort(([a], [b]) => collator.compare(a, b))
    .map(([name, value]) => {
      const known = JSON.parse(value);
      return [name.replaceAll('_', ' '), known === null ? '–' : typeof known === 'string' ? known : value];
    }));

function perClass([names, means, stds], n) {
  const lines = data.classes[names].map((name, i) =>
    make('tr', {},
      make('th', { scope: 'row' }, name),
      make('td', { class: 'number' }, fixed(means[i], 1)),
      n > 1 ? make('td', { class: 'number' }, (stds[i] ?? null) === null ? '' : `± ${fixed(stds[i], 1)}`) : '',
      make('td', {}, means[i] === null ? '' :
        make('svg', { class: 'bar', 'aria-hidden': 'true' },
          make('rect', { width: `${Math.min(100, Math.max(0, means[i]))}%`, height: '100%' })))));
  const head = [['class', ''], ['IoU', 'number'], ...(n > 1 ? [['sd', 'number']] : []), ['0 to 100', '']];
  return gridOf(head, lines);
}

function duration(seconds) {
  if (seconds === null) return '–';
  const minutes = Math.round(seconds / 60);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds) % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function runTable(list) {
  // key: class of the column, what is shown; a column that is empty in every row is left out.
  const columns = {
    seed: ['number', (run) => run.seed],
    'label seed': ['number', (run) => run.label_seed],
    counts: ['', (run) => run.excluded ? `no: ${run.excluded}` : 'yes'],
    last: ['number', (run) => fixed(run.miou_last)],
    best: ['number', (run) => run.miou_best === null ? '–' : `${fixed(run.miou_best)} at ${run.iter_best ?? '?'}`],
    iterations: ['number', (run) => run.iters_done === run.iters_planned ? run.iters_done : `${run.iters_done ?? '?'} of ${run.iters_planned ?? '?'}`],
    'images/s': ['number', (run) => run.images_per_s === null ? null : fixed(run.images_per_s, 1)],
    'peak MiB': ['number', (run) => run.peak_mib],
    'wall time': ['number', (run) => duration(run.wall_s)],
    device: ['', (run) => (run.world_size > 1 ? `${run.world_size} × ` : '') + (run.device || '')],
    commit: ['keep', (run) => (run.commit || '') + (run.dirty === 'true' ? ', changed' : '')],
    'started (UTC)': ['keep', (run) => run.started && run.started.replace('T', ' ').replace('Z', '')],
    run: ['', (run) => run.run_id],
    cell: ['', (run) => run.cell],
    config: ['', (run) => run.config],
    versions: ['', (run) => run.versions],
  };
  const versions = new Set(list.map((run) => run.versions));
  if (versions.size === 1) delete columns.versions;
  const values = list.map((run) => Object.values(columns).map(([, show]) => show(run)));
  const used = Object.entries(columns).map(([name, [kind]], i) => ({ name, kind, i }))
    .filter(({ i }) => values.some((line) => line[i] !== null && line[i] !== undefined && line[i] !== ''));
  const table = gridOf(
    used.map(({ name, kind }) => [name, kind]),
    values.map((line) => make('tr', {}, used.map(({ i, kind }) => make('td', { class: kind }, String(line[i] ?? ''))))));
  const [shared] = versions;
  return versions.size === 1 && shared ? [table, make('p', { class: 'soft' }, `Versions: ${shared}.`)] : [table];
}

/* ---- training curves ---- */

const SHADES = 5;
const SCALARS = { mIoU: 'mIoU (%)', loss: 'training loss', mask_ratio: 'share of pixels used', threshold: 'threshold' };

function curves(list) {
  const drawn = list.filter((run) => run.id in data.curves);
  if (!drawn.length) return list.length ? make('p', { class: 'soft' }, 'Training curves are not in this page: see curves/ beside it.') : '';
  // Those that count first, so that they get the colours.
  drawn.sort((a, b) => Boolean(a.excluded) - Boolean(b.excluded) || a.id - b.id);
  const style = (i) => `line s${Math.min(i, SHADES)}`;
  const name = (run) => `seed ${run.seed ?? '?'}${run.label_seed ? `/${run.label_seed}` : ''}${run.excluded ? ' (does not count)' : ''}`;
  const charts = Object.entries(SCALARS).map(([key, title]) => {
    const series = drawn.map((run, i) => ({ name: name(run), style: style(i), points: data.curves[run.id][key] }))
      .filter(({ points }) => points);
    return series.length ? chart(title, series) : '';
  });
  const key = (i, text) =>
    make('li', {}, make('svg', { viewBox: '0 0 30 8', 'aria-hidden': 'true' }, make('path', { class: style(i), d: 'M0 4H30' })), ` ${text}`);
  const legend = drawn.slice(0, SHADES).map((run, i) => key(i, name(run)));
  if (drawn.length > SHADES) legend.push(key(SHADES, plural(drawn.length - SHADES, 'further run')));
  const absent = list.length - drawn.length;
  return block('Training curves',
    make('div', { class: 'charts' }, charts),
    make('ul', { class: 'legend' }, legend),
    absent ? make('p', { class: 'soft' }, `${plural(absent, 'run')} without a curve in this page.`) : '');
}

/** About four round numbers from low to high. */
function ticks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) list.push(i * step);
  return [list, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
}

function chart(title, series) {
  const [width, height, left, bottom, top, right] = [290, 150, 40, 28, 6, 10];
  const xs = series.flatMap(({ points }) => points[0]);
  const ys = series.flatMap(({ points }) => points[1]);
  const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [, x1] = range(xs);
  let [y0, y1] = range(ys);
  if (y1 - y0 < 1e-9 * Math.max(1, Math.abs(y1))) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  const pad = (y1 - y0) * 0.05;
  [y0, y1] = [y0 - pad, y1 + pad];
  const x = (value) => +(left + (value / (x1 || 1)) * (width - left - right)).toFixed(1);
  const y = (value) => +(height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - top)).toFixed(1);
  const lines = [];
  const [xt, xd] = ticks(0, x1 || 1);
  const [yt, yd] = ticks(y0, y1);
  for (const tick of xt) {
    lines.push(make('line', { class: 'grid', x1: x(tick), x2: x(tick), y1: top, y2: height - bottom }));
    lines.push(make('text', { x: x(tick), y: height - bottom + 12, 'text-anchor': 'middle' }, tick.toFixed(xd)));
  }
  for (const tick of yt) {
    lines.push(make('line', { class: 'grid', x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    lines.push(make('text', { x: left - 4, y: y(tick) + 3.5, 'text-anchor': 'end' }, tick.toFixed(yd).replace('-', '−')));
  }
  lines.push(make('path', { class: 'frame', d: `M${left} ${top}V${height - bottom}H${width - right}` }));
  lines.push(make('text', { x: width - right, y: height - 3, 'text-anchor': 'end' }, 'iteration'));
  for (const { name, style, points } of series) {
    const at = points[0].map((value, i) => `${x(value)} ${y(points[1][i])}`);
    const path = at.length > 1 ? `M${at.join('L')}` : `M${at[0]}h0.01`;
    lines.push(make('path', { class: style, d: path, 'stroke-linecap': at.length > 1 ? 'butt' : 'round' }, make('title', {}, name)));
  }
  const ends = series.map(({ name, points }) => `${name} ends at ${+points[1].at(-1).toPrecision(4)}`).slice(0, 6).join(', ');
  return make('figure', {},
    make('figcaption', {}, title),
    make('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title} against the iteration: ${ends}` }, lines));
}

/* ---- what papers say ---- */

function papers(row) {
  const same = row.cell ? published.filter((other) => other.cell === row.cell) : [];
  const all = row.benchmark ? published.filter((other) => other.benchmark === row.benchmark) : [];
  const parts = [];
  if (same.length) parts.push(block(`Published for this cell (${same.length})`, paperTable(same)));
  if (all.length > same.length) {
    const ours = cells.filter((other) => other.benchmark === row.benchmark && other.last_mean !== null);
    const more = make('details', {}, make('summary', {}, `All ${all.length} published rows of ${row.benchmark}, with ours`));
    more.addEventListener('toggle', () => {
      if (more.children.length === 1) more.append(paperTable([...all, ...ours]));
    });
    parts.push(more);
  }
  return parts;
}

function paperTable(list) {
  const value = (row) => (row.kind === 'ours' ? row.last_mean : row.value) ?? -1;
  const sorted = [...list].sort((a, b) => value(b) - value(a));
  const head = [['mIoU', 'number'], ['method', ''], ['network', ''], ['crop', ''], ['evidence', ''], ['source', ''], ['notes', '']];
  return gridOf(head, sorted.map((row) => {
    const texts = row.kind === 'ours'
      ? [row.method, row.network, protocols[row.protocol]?.crop || '', 'ours, last', row.config, `${plural(row.n, 'seed')}; best ${fixed(row.best_mean)}`]
      : [row.name, row.network, row.crop, row.evidence, row.source, row.notes];
    const score = row.kind === 'ours' ? fixed(row.last_mean) : stated(row.value) + (row.target ? ' ◆' : '');
    return make('tr', { class: row.kind },
      make('td', { class: 'number' }, score), texts.map((text) => make('td', {}, text || '')));
  }));
}
