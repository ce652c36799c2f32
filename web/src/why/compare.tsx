// Two runs side by side: what was expected, what was measured, what was changed
// from the one to the other.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, watch } from '../actions';
import { Problem } from '../api';
import { Diffs } from '../code/diff';
import { factor, inUnit, metricLabel, ms, ratio } from '../format';
import { outcomeOf } from '../run/outcome';
import { Dialog } from '../shell/dialog';
import { Icon } from '../shell/icon';
import { compared, pane, runTab } from '../store';
import type { RunDetail } from '../wire/server';
import type { Metric } from '../wire/verdict';
import { nameOf, written } from './counters';
import { against } from './profiles';

const close = () => (compared.value = null);

export function Compare({ older, newer }: { older: string; newer: string }) {
  const both = useSignal<[RunDetail, RunDetail] | null>(null);
  const failed = useSignal('');
  useEffect(() => {
    Promise.all([api.run(older), api.run(newer)]).then(
      (runs) => (both.value = runs),
      (err: unknown) => {
        if (!(err instanceof Problem)) throw err;
        failed.value = err.message;
      },
    );
  }, [older, newer]);
  const runs = both.value;
  return (
    <Dialog label="Two runs side by side" kind="table-dialog compare" onClose={close}>
      <header>
        <h2>{runs ? `Run ${runs[0].number} and run ${runs[1].number}` : 'Two runs'}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Both runs">
        {failed.value && <p class="quiet">{failed.value}</p>}
        {runs && <Both older={runs[0]} newer={runs[1]} />}
      </div>
    </Dialog>
  );
}

function Both({ older, newer }: { older: RunDetail; newer: RunDetail }) {
  const profiled = [older, newer].every((r) => r.verdict?.evidence?.profiles.length);
  const showProfiles = () => {
    close();
    watch(newer.id);
    against.value = older.id;
    runTab.value = 'profile';
    pane.value = 'run';
  };
  return (
    <>
      <table class="number">
        <thead>
          <tr>
            <th scope="col">Each against the starter</th>
            <th scope="col">Run {older.number}</th>
            <th scope="col">Run {newer.number}</th>
          </tr>
        </thead>
        <tbody>
          {rows(older, newer).map(([label, a, b]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td>{a}</td>
              <td>{b}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {profiled && (
        <p class="buttons">
          <button type="button" class="button" onClick={showProfiles}>
            <Icon name="flame" />
            Compare their profiles
          </button>
        </p>
      )}
      <h3>What changed from run {older.number} to run {newer.number}</h3>
      <Diffs
        files={[...new Set([...Object.keys(older.files), ...Object.keys(newer.files)])].map((path) => ({ path, before: older.files[path] ?? '', after: newer.files[path] ?? '' }))}
        none="Their files are the same: what differs between their figures is noise, or the machine."
      />
    </>
  );
}

/** A label and both runs' words; lines that neither run has are left out. */
function rows(older: RunDetail, newer: RunDetail): [string, string, string][] {
  const runs = [older, newer];
  const line = (label: string, of: (r: RunDetail) => string): [string, string, string] => [label, of(older), of(newer)];
  const out = [
    line('Hypothesis', (r) => r.hypothesis || '–'),
    line('Outcome', (r) => outcomeOf(r.outcome ? r : null, r.state).title),
    line('Score', (r) => (r.score > 0 ? String(Math.round(r.score)) : '–')),
  ];
  const metrics = new Map<string, Metric>();
  for (const r of runs) for (const m of r.verdict?.metrics ?? []) metrics.set(`${m.name}/${m.of}`, m);
  for (const [key, any] of metrics) {
    const find = (r: RunDetail) => r.verdict?.metrics.find((m) => `${m.name}/${m.of}` === key);
    out.push(line(metricLabel(any.name, any.of), (r) => told(find(r))));
  }
  const counters = new Set(runs.flatMap((r) => r.verdict?.evidence?.counters.map((c) => c.name) ?? []));
  for (const name of counters) {
    if (metrics.has(`${name}/`)) continue;
    const find = (r: RunDetail) => r.verdict?.evidence?.counters.find((c) => c.name === name);
    const first = find(older) ?? find(newer)!;
    out.push(
      line(nameOf(first), (r) => {
        const c = find(r);
        return c ? `${written(c, c.before)} → ${written(c, c.after)}` : '–';
      }),
    );
  }
  return out;
}

/** "118 ms → 13 ms, 8.9× (8.1–9.7)". */
function told(m: Metric | undefined): string {
  if (!m) return '–';
  const figure = (v: number) => (m.unit === 'ms' ? ms(v) : inUnit(v, m.unit));
  const interval = m.ratio > 0 && m.low !== m.high ? `, ${ratio(m.ratio)} (${factor(m.low)}–${factor(m.high)})` : '';
  return `${figure(m.before)} → ${figure(m.after)}${interval}`;
}
