// The strip of figures: the learner's version, and its change from the starter
// in the same run.
import { change, count, duration, improvement, ms, percent } from '../format';
import { followRun, watchedInfo } from '../store';
import type { Verdict } from '../wire/verdict';
import { figures, type Latency, type Run } from './run';

interface Figure {
  label: string;
  colour?: 'p50' | 'p95' | 'p99';
  of: (l: Latency) => number;
  write: (v: number) => [string, string];
  from: (before: number, after: number) => { delta: string; better: boolean | null; text: string };
}

const relative = (write: (v: number) => string, lowerIsBetter: boolean): Figure['from'] => (before, after) => {
  if (!before || !after) return { delta: '', better: null, text: `starter ${before ? write(before) : '–'}` };
  const delta = change(before, after);
  const same = Math.abs(after / before - 1) < 0.03;
  return { delta, better: same ? null : after < before === lowerIsBetter, text: `from ${write(before)}` };
};

const FIGURES: Figure[] = [
  { label: 'P50', colour: 'p50', of: (l) => l.p50_ms, write: duration, from: relative(ms, true) },
  { label: 'P95', colour: 'p95', of: (l) => l.p95_ms, write: duration, from: relative(ms, true) },
  { label: 'P99', colour: 'p99', of: (l) => l.p99_ms, write: duration, from: relative(ms, true) },
  {
    // The rate is the same for both sides by design: a difference is bad news, never a win.
    label: 'Throughput',
    of: (l) => l.rps,
    write: (v) => [count(v), 'req/s'],
    from: (before, after) => ({ delta: '', better: null, text: before && after ? `starter ${count(before)}` : '' }),
  },
  {
    label: 'Errors',
    of: (l) => l.errors,
    write: (v) => [percent(v), '%'],
    from: (before, after) => ({ delta: '', better: after > before + 0.0005 ? false : null, text: `starter ${percent(before)} %` }),
  },
];

export function Figures({ run }: { run: Run }) {
  followRun();
  const f = figures(run);
  return (
    <div class="figures" role="group" aria-label={f?.whole ? 'Whole run' : 'Last second'}>
      {FIGURES.map((figure) => {
        const after = f ? figure.of(f.after) : 0;
        const known = f && (after > 0 || figure.label === 'Errors');
        const [value, unit] = known ? figure.write(after) : ['–', ''];
        const from = f ? figure.from(figure.of(f.before), after) : null;
        return (
          <section class="figure" key={figure.label}>
            <h3>
              {figure.colour && <i class={`swatch ${figure.colour}`} />}
              {figure.label}
            </h3>
            <p class="value number">
              {value}
              <small>{unit}</small>
            </p>
            <p class="delta number">
              {from?.delta && <b class={from.better === null || inNoise(run.verdict, figure) ? '' : from.better ? 'good' : 'worse'}>{from.delta}</b>} {from?.text}
            </p>
          </section>
        );
      })}
      <Headline run={run} />
    </div>
  );
}

/** A change whose interval holds 1 is noise: it is neither good nor bad news. */
function inNoise(v: Verdict | null, figure: Figure): boolean {
  const m = v?.metrics.find((m) => m.name === figure.colour && m.of === '');
  return v?.outcome === 'unchanged' || (m !== undefined && m.ratio > 0 && m.low <= 1 && m.high >= 1);
}

function Headline({ run }: { run: Run }) {
  followRun();
  const v = run.verdict;
  if (v) {
    const scored = v.outcome === 'passed' || (v.outcome === 'failed' && v.gate === 'compare');
    return (
      <section class="figure headline">
        <h3>Score</h3>
        <p class="value number">
          {scored ? Math.round(v.score) : '–'}
          <small>{scored ? 'where the reference solution has 100' : 'not scored'}</small>
        </p>
        <p class="delta number">{v.load ? `${v.load.pairs} pairs of slices, ${count(v.load.requests)} requests a side` : ''}</p>
      </section>
    );
  }
  const f = figures(run);
  const now = f && f.before.p95_ms && f.after.p95_ms ? f.before.p95_ms / f.after.p95_ms : 0;
  return (
    <section class="figure headline">
      <h3>P95 against the starter, so far</h3>
      <p class="value number">{now ? improvement(now) : '–'}</p>
      <p class="delta number">{watchedInfo.value?.state === 'stopped' ? 'stopped before the end' : 'last second; the interval comes at the end'}</p>
    </section>
  );
}
