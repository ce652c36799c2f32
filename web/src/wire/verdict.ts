// The grader's messages, as grader/verdict writes them. The golden files in
// grader/verdict/testdata pass through these decoders in the tests.
import { boolean, list, number, object, oneOf, optional, string, type Of } from './decode';

export const GATES = ['build', 'start', 'check', 'load', 'compare'] as const;
export type Gate = (typeof GATES)[number];
const gate = oneOf(...GATES);

const outcome = oneOf('passed', 'failed', 'unchanged', 'no-difference', 'too-noisy', 'error');
export type Outcome = Of<typeof outcome>;

const metric = object({
  name: string,
  of: string,
  unit: string,
  before: number,
  after: number,
  ratio: number,
  low: number,
  high: number,
  mde: optional(number),
  target: string,
  met: boolean,
});
export type Metric = Of<typeof metric>;

export const diagnostic = object({ file: string, line: number, column: number, message: string });
export type Diagnostic = Of<typeof diagnostic>;

const mismatch = object({ check: string, request: string, want: string, got: string, where: optional(string) });
export type Mismatch = Of<typeof mismatch>;

const side = object({
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
  max_ms: number,
  errors: number,
  rps: number,
  cpu_seconds: number,
  memory_mb: number,
  queries: number,
  histogram: optional(list(number)),
});
export type Side = Of<typeof side>;

const summary = object({
  rate: number,
  slice_ms: number,
  pairs: number,
  dropped: number,
  requests: number,
  late_p99_ms: number,
  notes: optional(list(string)),
  before: side,
  after: side,
  histogram_ms: list(number),
});
export type Summary = Of<typeof summary>;

const taken = object({ bytes: number, requests: number });
const served = object({ n: number, p50_ms: number, p95_ms: number, bytes: number, errors: number });
const planStep = object({ id: number, parent: number, detail: string, rows: optional(number) });
export type PlanStep = Of<typeof planStep>;
const executed = object({
  calls: number,
  rows: number,
  total_ms: number,
  p95_ms: number,
  failed: optional(number),
  plan: optional(list(planStep)),
  unplanned: optional(string),
});
export type Executed = Of<typeof executed>;
const evidence = object({
  counters: list(object({ name: string, unit: string, per: optional(string), before: number, after: number, from: oneOf('kernel', 'kit', 'generator', 'service') })),
  endpoints: list(object({ name: string, before: served, after: served })),
  statements: list(object({ sql: string, before: optional(executed), after: optional(executed) })),
  profiles: list(object({ name: string, before: taken, after: taken })),
  notes: optional(list(string)),
});
export type Evidence = Of<typeof evidence>;
export type Counter = Evidence['counters'][number];
export type Statement = Evidence['statements'][number];

export const verdict = object({
  challenge: string,
  outcome,
  gate,
  message: string,
  next: optional(string),
  score: number,
  seconds: number,
  metrics: list(metric),
  diagnostics: optional(list(diagnostic)),
  mismatch: optional(mismatch),
  log: optional(string),
  load: optional(summary),
  evidence: optional(evidence),
  seed: string, // 64 bits: more than a number holds
  machine: optional(string),
});
export type Verdict = Of<typeof verdict>;

const win = object({
  n: number,
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
  rps: number,
  errors: number,
  histogram: optional(list(number)),
});
export type Window = Of<typeof win>;

const tick = object({ t: number, warm: optional(boolean), before: win, after: win });
export type Tick = Of<typeof tick>;

const plan = object({ seconds: number, rate: number, slice_ms: number, edges_ms: list(number) });
export type Plan = Of<typeof plan>;

const logLine = object({ from: oneOf('build', 'before', 'after', 'grader'), text: string });
export type LogLine = Of<typeof logLine>;

export const event = object({
  seq: number,
  at: number,
  kind: oneOf('queued', 'gate', 'plan', 'tick', 'log', 'verdict'),
  queued: optional(object({ ahead: number })),
  gate: optional(object({ name: gate, state: oneOf('running', 'passed', 'failed'), detail: optional(string) })),
  plan: optional(plan),
  tick: optional(tick),
  log: optional(logLine),
  verdict: optional(verdict),
});
export type Event = Of<typeof event>;
