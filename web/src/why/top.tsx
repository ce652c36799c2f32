// The functions of a profile as a table.
import { useSignal } from '@preact/signals';
import type { Graph } from '../wire/evidence';
import { amount, asTable, change, each, filter, OWNERS, part, short, which } from './profiles';

type Column = 'self' | 'total' | 'change';

const SHOWN = 120;

export function Top({ graph }: { graph: Graph }) {
  const by = useSignal<Column>('self');
  const side = which.value;
  const wanted = filter.value.trim().toLowerCase();
  const self = (r: Graph['table'][number], s = side) => (s === 'after' ? r.self_after : r.self_before);
  const delta = (r: Graph['table'][number]) => each(graph, 'after', r.after) - each(graph, 'before', r.before);
  const worth = (r: Graph['table'][number]) => ({ self: self(r), total: r[side], change: Math.abs(delta(r)) })[by.value];
  const rows = graph.table
    .filter((r) => !wanted || graph.functions[r.function]!.toLowerCase().includes(wanted))
    .sort((a, b) => worth(b) - worth(a))
    .slice(0, SHOWN);
  const total = graph[side].total;
  const head = (id: Column, label: string, title: string) => (
    <th scope="col" aria-sort={by.value === id ? 'descending' : undefined}>
      <button type="button" title={title} onClick={() => (by.value = id)}>
        {label}
        {by.value === id && ' ↓'}
      </button>
    </th>
  );
  const open = (name: string) => {
    filter.value = name;
    asTable.value = false;
  };
  return (
    <div class="top-table" tabIndex={0} role="region" aria-label="Functions">
      <table class="number">
        <thead>
          <tr>
            <th scope="col">Function</th>
            <th scope="col">Whose</th>
            {head('self', 'Self', 'What it does itself')}
            {head('total', 'Total', 'With what it calls')}
            <th scope="col">Before</th>
            <th scope="col">Yours</th>
            {head('change', 'Difference', 'Of the total, yours against before')}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => {
            const name = graph.functions[r.function]!;
            const d = change(graph, r.before, r.after);
            return (
              <tr key={r.function} class={graph.owners[r.function] === 0 ? 'own' : ''}>
                <th scope="row">
                  <button type="button" class="link" title={name} onClick={() => open(name)}>
                    {short(name)}
                  </button>
                </th>
                <td>{OWNERS[graph.owners[r.function]!]}</td>
                <td>{part(self(r), total) || '–'}</td>
                <td>{part(r[side], total) || '–'}</td>
                <td>{graph.before.missing ? '–' : amount(graph.unit, each(graph, 'before', r.before))}</td>
                <td>{amount(graph.unit, each(graph, 'after', r.after))}</td>
                <td class={d > 0 ? 'worse' : d < 0 ? 'good' : ''}>{d === 0 ? '~' : `${d > 0 ? '+' : '−'}${amount(graph.unit, Math.abs(delta(r)))}`}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty-note">No function of that name.</p>}
    </div>
  );
}
