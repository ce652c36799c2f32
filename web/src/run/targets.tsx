// The targets: waiting while the run goes on, then as the verdict found them,
// missed ones first.
import { improvement, inUnit, metricLabel, share } from '../format';
import { Icon } from '../shell/icon';
import { boot, followRun, watchedInfo } from '../store';
import type { Target } from '../wire/server';
import type { Metric } from '../wire/verdict';
import { figures, type Run } from './run';

interface Row {
  key: string;
  state: 'pass' | 'fail' | 'wait' | 'info';
  name: string;
  measured: string;
}

const ICONS: Record<Row['state'], string> = { pass: 'check', fail: 'x', wait: 'circle', info: 'dot' };
const SPOKEN: Record<Row['state'], string> = { pass: ', met', fail: ', missed', wait: ', not measured yet', info: '' };

function ended(m: Metric): Row {
  return {
    key: m.name + m.of,
    state: !m.target ? 'info' : m.met ? 'pass' : 'fail',
    name: `${metricLabel(m.name, m.of)}${m.target ? ` ${m.target}` : ''}`,
    // A figure that is only shown is told as it was and as it is.
    measured: m.target ? judged(m) : `${inUnit(m.before, m.unit)} → ${inUnit(m.after, m.unit)}`,
  };
}

/** An interval around 1 is no difference, whatever the point in its middle says. */
function judged(m: Metric): string {
  if (m.ratio <= 0) return inUnit(m.after, m.unit);
  if (m.low < 1 && m.high > 1) return 'no clear difference';
  // A harm counts when it is proven: one that may lie within the bound is met.
  return improvement(m.ratio) + (m.met && m.ratio < 1 ? ', not proven' : '');
}

/** Ticks tell of all requests together; a target for one kind has to wait. */
function soFar(t: Target, run: Run): Row {
  const f = figures(run);
  const field = { p50: 'p50_ms', p95: 'p95_ms', p99: 'p99_ms' }[t.metric] as 'p50_ms' | undefined;
  let measured = '';
  if (f && t.of === '' && field && f.before[field] && f.after[field]) measured = improvement(f.before[field] / f.after[field]);
  if (f && t.of === '' && t.metric === 'errors') measured = share(f.after.errors);
  return { key: t.metric + t.of, state: 'wait', name: `${t.label} ${t.text}`, measured };
}

export function Targets({ run }: { run: Run }) {
  followRun();
  const v = run.verdict;
  const over = v !== null || watchedInfo.value?.state === 'stopped' || watchedInfo.value?.state === 'failed';
  const rows = v?.metrics.length ? v.metrics.map(ended) : boot.targets.map((t) => soFar(t, run));
  const goals = rows.filter((r) => r.state !== 'info');
  const met = goals.filter((r) => r.state === 'pass').length;
  return (
    <section class="targets" aria-labelledby="targets-title" tabIndex={0}>
      <header>
        <h3 id="targets-title">Targets</h3>
        <span class="number">{v?.metrics.length ? `${met} of ${goals.length} met` : over ? 'not judged' : 'judged at the end'}</span>
      </header>
      <ul>
        {rows.map((r) => (
          <li key={r.key} class={r.state}>
            <Icon name={ICONS[r.state]} />
            <span class="name" title={r.name}>
              {r.name}
              <span class="hidden">{SPOKEN[r.state]}</span>
            </span>
            <span class="measured number">{r.measured}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
