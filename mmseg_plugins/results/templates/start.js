
/* ---- what is seen stands behind the # of the address, so that it can be passed on ---- */

function remember() {
  const state = new URLSearchParams();
  for (const id of FILTERS) if (byId(id).value) state.set(id, byId(id).value);
  if (byId('context').checked) state.set('context', '1');
  if (view.sort) {
    state.set('sort', view.sort);
    state.set('order', view.order);
  }
  for (const key of view.open) state.append('open', key);
  const hash = state.toString();
  try {
    if (location.hash.slice(1) !== hash) history.replaceState(null, '', `#${hash}`);
  } catch {
    // Browsers limit how often; the address is only a convenience.
  }
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const id of FILTERS) byId(id).value = state.get(id) || '';
  for (const id of FILTERS) if (byId(id).selectedIndex === -1) byId(id).value = '';
  byId('context').checked = state.has('context');
  const column = COLUMNS.find(({ key }) => key === state.get('sort'));
  const order = state.get('order') === 'descending' ? 'descending' : 'ascending';
  [view.sort, view.order] = column ? [column.key, order] : ['', ''];
  view.open = new Set(state.getAll('open'));
  render();
}

/* ---- the parts around it ---- */

function fill(id, of, names) {
  const select = byId(id);
  select.append(make('option', { value: '' }, 'all'));
  const values = (rows) => [...new Set(rows.map(of).filter(Boolean))];
  const own = names || values(cells);
  const others = names ? [] : values(published).filter((name) => !own.includes(name)).sort(collator.compare);
  const options = (list) => list.map((name) => make('option', { value: name }, name));
  select.append(...options(own));
  if (others.length) select.append(make('optgroup', { label: 'published only' }, options(others)));
  // 'input' comes here before the form draws the table.
  select.addEventListener('input', () => {
    if (others.includes(select.value)) byId('context').checked = true;
  });
}

function coverage() {
  const counts = {
    rows: () => 1,
    targets: (row) => (row.target ? 1 : 0),
    ...Object.fromEntries(
      Object.entries(STATES).slice(1).map(([name, test]) => [name, (row) => (test(row) ? 1 : 0)]),
    ),
    runs: (row) => (row.runs || []).length + (row.runs_left || 0),
  };
  const head = ['data set', ...Object.keys(counts)];
  const line = (name, rows) =>
    make('tr', {}, make('th', { scope: 'row' }, name),
      Object.values(counts).map((count) => make('td', { class: sum(rows, count) ? 'number' : 'number soft' }, String(sum(rows, count)))));
  const sets = [...new Set(cells.map((row) => row.dataset))];
  const lines = sets.map((name) => line(name || '–', cells.filter((row) => row.dataset === name)));
  if (sets.length > 1) lines.push(line('all', cells));
  byId('counts').append(
    make('thead', {}, make('tr', {}, head.map((name, i) => make('th', { scope: 'col', class: i ? 'number' : '' }, name)))),
    make('tbody', {}, lines),
  );
}

function start() {
  fill('dataset', (row) => row.dataset);
  fill('family', (row) => row.family);
  fill('method', (row) => row.method);
  fill('state', null, Object.keys(STATES));
  coverage();
  byId('cells').querySelector('thead tr').append(
    ...COLUMNS.map((column) =>
      make('th', { scope: 'col', class: column.class, 'aria-sort': 'none' },
        make('button', { type: 'button', click: () => sortBy(column), 'aria-label': column.name || null }, column.title),
        make('span', { class: 'printed' }, column.title))),
  );
  const again = () => {
    view.limit = PAGE;
    render();
  };
  byId('filters').addEventListener('input', again);
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  byId('filters').addEventListener('reset', () => setTimeout(again));
  addEventListener('hashchange', recall);
  narrow.addEventListener('change', respan);
  byId('coverage').open = !narrow.matches;
  // Paper has no buttons.
  let before = null;
  addEventListener('beforeprint', () => {
    before = { limit: view.limit, open: ['about', 'coverage'].filter((id) => !byId(id).open) };
    for (const id of before.open) byId(id).open = true;
    if (chosen().length > view.limit) {
      view.limit = 3000;
      render();
    }
  });
  addEventListener('afterprint', () => {
    for (const id of before.open) byId(id).open = false;
    if (view.limit !== before.limit) {
      view.limit = before.limit;
      render();
    }
  });
  const lost = runs.filter((run) => run.row === null);
  if (data.others) {
    byId('others').hidden = false;
    if (lost.length) byId('others').append(...runTable(lost));
    const left = data.others - lost.length;
    if (left) byId('others').append(make('p', {}, `${plural(left, 'more run')}: see runs.csv.`));
  }
  recall();
}

start();
