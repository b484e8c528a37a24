
'use strict';
// Everything that comes from a run or a paper reaches the page as text nodes and as numbers of SVG
// attributes, never as markup.

const data = JSON.parse(document.getElementById('data').textContent);
const PAGE = 300;
const byId = (id) => document.getElementById(id);

/** A table of arrays as a list of objects; text columns are indices of data.strings. */
function decode(table) {
  const text = new Set(table.text);
  const read = (name, value) => (text.has(name) && value !== null ? data.strings[value] : value);
  const same = Object.entries(table.same).map(([name, value]) => [name, read(name, value)]);
  return table.rows.map((values) => {
    const row = Object.fromEntries(same);
    table.columns.forEach((name, i) => (row[name] = read(name, values[i])));
    return row;
  });
}

/** An element with attributes and children; functions are listeners, strings become text. */
function make(name, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'rect', 'text', 'circle', 'g', 'title'].includes(name);
  const element = svg
    ? document.createElementNS('http://www.w3.org/2000/svg', name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== ''));
  return element;
}

const fixed = (value, digits = 2) => (value === null ? '–' : value.toFixed(digits));
const signed = (value) =>
  value === null ? '' : (value <= -0.005 ? '−' : '+') + Math.abs(value).toFixed(2);
/** A name that may break after an underscore or a slash. */
const breakable = (name) => name.split(/(?<=[_/])/).flatMap((part, i) => (i ? [make('wbr'), part] : part));
/** As published: no digit more than is stated, at least one. */
const stated = (value) =>
  value === null ? '' : value.toFixed(Math.max(1, (String(value).split('.')[1] || '').length));
const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
const sum = (list, count) => list.reduce((total, item) => total + count(item), 0);

const cells = decode(data.cells).map((row, id) => ({ ...row, id, kind: 'ours', variant: row.variant || '' }));
const published = decode(data.published).map((row) => ({ ...row, kind: 'published' }));
const runs = decode(data.runs);
const protocols = decode(data.protocols);
runs.forEach((run, id) => {
  const at = cells[run.row];
  run.id = id;
  if (at) {
    (at.runs ??= []).push(run);
    run.run_id = run.run_id.replace('\u0000', '…');
  }
});
const keys = new Set();
cells.forEach((row) => {
  row.key = row.config || row.cell;
  if (keys.has(row.key)) row.key += ` ${row.cell}`;
  keys.add(row.key);
  if (row.command) row.command = row.command.replaceAll('\u0000', () => row.config);
  row.best_shown = row.last_mean === null ? null : row.best_mean;
});
published.forEach((row) => {
  row.published = row.value;
  row.target = row.target ? 1 : 0;
});
for (const row of [...cells, ...published]) {
  const fields = 'benchmark dataset method network config name cell verdict reason status variant source notes evidence';
  row.words = fields.split(' ').map((name) => row[name] || '').join(' ').toLowerCase();
}
