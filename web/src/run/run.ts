// One run as its events tell it. Events may come twice (a replay after a lost
// connection) and ticks may be missing (a slow viewer); both leave the same
// picture.
import { GATES, type Event, type Gate, type LogLine, type Plan, type Tick, type Verdict, type Window } from '../wire/verdict';

export interface Step {
  name: Gate;
  state: 'waiting' | 'running' | 'passed' | 'failed';
  detail: string;
  from: number; // seconds since the run was started
  to: number | null;
}

type Column = (number | null)[];
export interface SideColumns {
  p50: Column;
  p95: Column;
  p99: Column;
  rps: Column;
}
const columns = (): SideColumns => ({ p50: [], p95: [], p99: [], rps: [] });

/** Ticks as columns, the form that the charts draw. A window without requests is a gap. */
export class Series {
  readonly t: number[] = [];
  readonly before = columns();
  readonly after = columns();
  /** End of the warm-up, in seconds of the load. */
  warmUntil = 0;
  histogram: { before: number[]; after: number[]; version: number } = { before: [], after: [], version: 0 };

  get length(): number {
    return this.t.length;
  }

  push(tick: Tick): void {
    this.t.push(tick.t);
    if (tick.warm) this.warmUntil = tick.t;
    for (const side of ['before', 'after'] as const) {
      const w = tick[side];
      this[side].p50.push(w.p50_ms || null);
      this[side].p95.push(w.p95_ms || null);
      this[side].p99.push(w.p99_ms || null);
      this[side].rps.push(w.n ? w.rps : null);
    }
    if (tick.before.histogram || tick.after.histogram) {
      this.histogram = {
        before: tick.before.histogram ?? this.histogram.before,
        after: tick.after.histogram ?? this.histogram.after,
        version: this.histogram.version + 1,
      };
    }
  }
}

export class Run {
  seq = 0;
  at = 0; // seconds since the run was started, of the last event
  ahead: number | null = null;
  plan: Plan | null = null;
  tick: Tick | null = null;
  verdict: Verdict | null = null;
  readonly series = new Series();
  readonly lines: LogLine[] = [];
  readonly steps: Step[] = GATES.map((name) => ({ name, state: 'waiting', detail: '', from: 0, to: null }));

  constructor(readonly id: string) {}

  /** Takes an event in; false if it was seen before. */
  apply(e: Event): boolean {
    if (e.seq <= this.seq) return false;
    this.seq = e.seq;
    this.at = e.at;
    if (e.queued) this.ahead = e.queued.ahead;
    if (e.gate) this.enter(e.gate.name, e.gate.state, e.gate.detail ?? '', e.at);
    if (e.plan) this.plan = e.plan;
    if (e.tick) this.take(e.tick);
    if (e.log) this.lines.push(e.log);
    if (e.verdict) this.end(e.verdict, e.at);
    return true;
  }

  get step(): Step | undefined {
    return this.steps.find((s) => s.state === 'running');
  }

  private enter(name: Gate, state: 'running' | 'passed' | 'failed', detail: string, at: number): void {
    this.ahead = null;
    const step = this.steps.find((s) => s.name === name)!;
    if (step.state === 'waiting') step.from = at;
    step.state = state;
    step.detail = detail || step.detail;
    step.to = state === 'running' ? null : at;
  }

  private take(tick: Tick): void {
    this.tick = tick;
    this.series.push(tick);
  }

  /** A verdict closes what its gates left open, so that nothing spins for ever. */
  private end(v: Verdict, at: number): void {
    this.verdict = v;
    for (const s of this.steps) {
      if (s.state !== 'running') continue;
      s.state = s.name === v.gate && v.outcome === 'failed' ? 'failed' : 'passed';
      s.to = at;
    }
  }
}

/** Mean of the starter's counted P95 windows, in ms; null before there is one. */
export function starterP95(s: Series): number | null {
  let sum = 0;
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    const v = s.before.p95[i];
    if (v != null && s.t[i]! > s.warmUntil) {
      sum += v;
      n++;
    }
  }
  return n ? sum / n : null;
}

export type Latency = Pick<Window, 'p50_ms' | 'p95_ms' | 'p99_ms' | 'rps' | 'errors'>;

/** What the figures show: the whole run once it was measured, the last second until then. */
export function figures(run: Run): { before: Latency; after: Latency; whole: boolean } | null {
  const load = run.verdict?.load;
  if (load) return { before: load.before, after: load.after, whole: true };
  if (run.tick) return { before: run.tick.before, after: run.tick.after, whole: false };
  return null;
}
