// The Live tab: the steps until there is something to see, then figures,
// charts and targets; after the end, the result over them.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { mountDistribution } from '../charts/distribution';
import { mountLatency } from '../charts/latency';
import { mountThroughput } from '../charts/throughput';
import { pointed } from '../charts/time-chart';
import { count, ms } from '../format';
import { Icon } from '../shell/icon';
import { boot, followRun, overlay, watchedInfo } from '../store';
import type { Diagnostic } from '../wire/verdict';
import { Figures } from './figures';
import { Evidence, Result } from './result';
import type { Run } from './run';
import { Steps, StepsAhead } from './steps';
import { Targets } from './targets';

export function Live({ onOpen }: { onOpen: (d: Diagnostic) => void }) {
  const run = followRun();
  const info = watchedInfo.value;
  if (!run) {
    return (
      <div class="stage">
        <p class="lead">{boot.ran ? 'Pick a run from the history, or start a new one.' : 'Nothing was run yet. A run takes about half a minute, in five steps:'}</p>
        <StepsAhead />
      </div>
    );
  }
  const over = run.verdict !== null || info?.state === 'stopped' || info?.state === 'failed';
  const measured = run.series.length > 0 || run.verdict?.load;
  const result = over && <Result verdict={run.verdict} state={info?.state ?? 'done'} />;
  if (!measured) {
    return (
      <>
        {result}
        <div class={over ? 'stage with-evidence' : 'stage'}>
          {run.ahead !== null && !over && <p class="lead">{run.ahead === 0 ? 'Next in the queue.' : `${run.ahead} ${run.ahead === 1 ? 'run is' : 'runs are'} ahead of yours.`}</p>}
          {run.seq === 0 && !over && <p class="lead">Fetching the run…</p>}
          <Steps run={run} over={over} />
          {run.verdict && <Evidence verdict={run.verdict} onOpen={onOpen} />}
        </div>
      </>
    );
  }
  return (
    <>
      {result}
      {run.verdict?.mismatch && <Evidence verdict={run.verdict} onOpen={onOpen} />}
      <Figures run={run} />
      <div class="live">
        <div class="charts">
          <ChartHead title="Latency" table="latency-table">
            <Readout run={run} />
          </ChartHead>
          <Canvas class="plot" mount={mountLatency} label="Latency percentiles of both sides over the run, log scale. Arrow keys read values." />
          <ChartHead title="Throughput">
            <p class="readout number">
              <span>
                offered to each side <b>{run.plan ? `${count(run.plan.rate)} req/s` : '–'}</b>
              </span>
            </p>
          </ChartHead>
          <Canvas class="plot throughput" mount={mountThroughput} label="Requests per second of both sides over the run. Arrow keys read values." />
        </div>
        <div class="side">
          <section class="distribution" aria-labelledby="distribution-title">
            <header>
              <h3 id="distribution-title">Distribution</h3>
              <span class="legend">
                <span>
                  <i class="swatch bars" />
                  Yours
                </span>
                <span>
                  <i class="swatch outline" />
                  Starter
                </span>
                <TableButton what="distribution" table="distribution-table" />
              </span>
            </header>
            <Bars />
          </section>
          <Targets run={run} />
        </div>
      </div>
    </>
  );
}

function ChartHead({ title, table, children }: { title: string; table?: 'latency-table'; children: ComponentChildren }) {
  return (
    <div class="chart-head">
      <h3>{title}</h3>
      {children}
      {table && <TableButton what="latency and throughput" table={table} />}
    </div>
  );
}

function TableButton({ what, table }: { what: string; table: 'latency-table' | 'distribution-table' }) {
  return (
    <button type="button" class="icon-button small" aria-label={`View ${what} as a table`} title="View as table" onClick={() => (overlay.value = table)}>
      <Icon name="table" />
    </button>
  );
}

function Canvas({ mount, label, ...rest }: { mount: (el: HTMLElement) => () => void; label: string; class: string }) {
  const el = useRef<HTMLDivElement>(null);
  useEffect(() => mount(el.current!), [mount]);
  return <div {...rest} ref={el} tabIndex={0} role="img" aria-label={label} />;
}

function Bars() {
  const el = useRef<HTMLCanvasElement>(null);
  useEffect(() => mountDistribution(el.current!), []);
  return <canvas ref={el} role="img" aria-label="Distribution of latencies, yours against the starter's" />;
}

/** The legend, which turns into values at the pointer. */
function Readout({ run }: { run: Run }) {
  followRun();
  const i = pointed.value;
  const s = run.series;
  const at = i !== null && i < s.length ? i : null;
  const value = (v: number | null | undefined) => (v == null ? '–' : ms(v));
  const keys = [
    { label: 'P99', swatch: 'p99', column: s.after.p99 },
    { label: 'P95', swatch: 'p95', column: s.after.p95 },
    { label: 'P50', swatch: 'p50', column: s.after.p50 },
    { label: 'Starter P95', swatch: 'dash', column: s.before.p95 },
  ];
  return (
    <p class="readout number">
      {at !== null && <span>at {s.t[at]!.toFixed(1)} s</span>}
      {at === null && <span class="wide">1 s windows, log scale; grey band: starter P50 to P99; shaded: warm-up, not counted</span>}
      {keys.map((k) => (
        <span key={k.label} class={at === null ? 'narrow' : ''}>
          <i class={`swatch ${k.swatch}`} />
          {k.label} {at !== null && <b>{value(k.column[at])}</b>}
        </span>
      ))}
      {at === null && s.warmUntil > 0 && (
        <span class="narrow">
          <i class="swatch warm" />
          Warm-up, not counted
        </span>
      )}
    </p>
  );
}
