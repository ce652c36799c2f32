// The charts' figures as tables.
import { distribution, trimmed } from '../charts/distribution';
import { count, ms, percent } from '../format';
import { Dialog } from '../shell/dialog';
import { Icon } from '../shell/icon';
import { overlay, run as watched } from '../store';
import type { Series } from './run';

const close = () => (overlay.value = null);

function Table({ title, head, rows }: { title: string; head: string[]; rows: string[][] }) {
  return (
    <Dialog label={title} kind="table-dialog" onClose={close}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}>
        {rows.length === 0 ? (
          <p class="quiet">Nothing was measured yet.</p>
        ) : (
          <table class="number">
            <thead>
              <tr>
                {head.map((h) => (
                  <th key={h} scope="col">
                    {h}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((cells) => (
                <tr key={cells[0]}>
                  {cells.map((c, i) => (i === 0 ? <th key={i} scope="row">{c}</th> : <td key={i}>{c}</td>))}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Dialog>
  );
}

/** One row for each second: the last tick in it. */
export function bySecond(s: Series): number[] {
  const last = new Map<number, number>();
  s.t.forEach((t, i) => last.set(Math.floor(t), i));
  return [...last.values()];
}

export function LatencyTable() {
  const s = watched.value?.series;
  const time = (v: number | null | undefined) => (v == null ? '–' : ms(v));
  const rate = (v: number | null | undefined) => (v == null ? '–' : count(v));
  const rows = s
    ? bySecond(s).map((i) => [
        `${s.t[i]!.toFixed(1)} s${s.t[i]! <= s.warmUntil ? ' (warm-up)' : ''}`,
        ...[s.after.p50, s.after.p95, s.after.p99].map((c) => time(c[i])),
        rate(s.after.rps[i]),
        ...[s.before.p50, s.before.p95, s.before.p99].map((c) => time(c[i])),
        rate(s.before.rps[i]),
      ])
    : [];
  return (
    <Table
      title="Latency and throughput"
      head={['Time', 'Your P50', 'Your P95', 'Your P99', 'Your req/s', 'Starter P50', 'Starter P95', 'Starter P99', 'Starter req/s']}
      rows={rows}
    />
  );
}

export function DistributionTable() {
  const d = distribution();
  const t = d && trimmed(d);
  const all = (counts: number[]) => counts.reduce((a, b) => a + b, 0) || 1;
  const rows = t
    ? t.edges.map((edge, i) => {
        const cell = (counts: number[]) => `${count(counts[i] ?? 0)} (${percent((counts[i] ?? 0) / all(counts))} %)`;
        return [`≤ ${ms(edge)}`, cell(t.after), cell(t.before)];
      })
    : [];
  return <Table title="Distribution of latencies" head={['Latency', 'Yours', 'Starter']} rows={rows} />;
}
