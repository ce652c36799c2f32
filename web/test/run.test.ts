import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figures, Run, starterP95 } from '../src/run/run';
import { event, verdict, type Event, type Window } from '../src/wire/verdict';
import { golden } from './golden';

const window = (p: number, n = 10): Window => ({ n, p50_ms: p / 2, p95_ms: p, p99_ms: p * 2, rps: 100, errors: 0 });
const tick = (seq: number, t: number, warm = false): Event => ({
  seq, at: t + 5, kind: 'tick', tick: { t, ...(warm && { warm }), before: window(100 + seq), after: window(10) },
});

const story: Event[] = [
  { seq: 1, at: 0, kind: 'queued', queued: { ahead: 1 } },
  { seq: 2, at: 1, kind: 'gate', gate: { name: 'build', state: 'running' } },
  { seq: 3, at: 2.5, kind: 'gate', gate: { name: 'build', state: 'passed', detail: 'built in 1.5 s' } },
  { seq: 4, at: 2.6, kind: 'gate', gate: { name: 'start', state: 'running' } },
  { seq: 5, at: 3, kind: 'gate', gate: { name: 'start', state: 'passed' } },
  { seq: 6, at: 3, kind: 'gate', gate: { name: 'load', state: 'running' } },
  { seq: 7, at: 3, kind: 'log', log: { from: 'after', text: 'listening' } },
  { seq: 8, at: 5, kind: 'plan', plan: { seconds: 24, rate: 180, slice_ms: 500, edges_ms: [1, 10, 100] } },
  tick(9, 0.1, true),
  tick(10, 0.2),
  tick(11, 0.3),
  { seq: 12, at: 30, kind: 'verdict', verdict: verdict(golden('verdict-passed.json'), 'v') },
];

const picture = (r: Run) => JSON.stringify({ ...r, series: { ...r.series } });
const play = (events: Event[]) => {
  const r = new Run('r1');
  for (const e of events) r.apply(e);
  return r;
};

test('a replay tells the whole story', () => {
  const r = play(story);
  assert.equal(r.seq, 12);
  assert.deepEqual(r.steps[0], { name: 'build', state: 'passed', detail: 'built in 1.5 s', from: 1, to: 2.5 });
  assert.equal(r.ahead, null);
  assert.equal(r.lines.length, 1);
  assert.deepEqual(r.series.t, [0.1, 0.2, 0.3]);
  assert.equal(r.series.warmUntil, 0.1);
  assert.equal(r.verdict?.outcome, 'passed');
});

test('duplicates are dropped, whatever the place at which a connection broke', () => {
  const want = picture(play(story));
  for (let cut = 0; cut <= story.length; cut++) {
    for (let back = 0; back <= cut; back++) {
      const r = play([...story.slice(0, cut), ...story.slice(back)]);
      assert.equal(picture(r), want, `cut after ${cut}, resumed after ${back}`);
    }
  }
});

test('apply tells news from what was seen', () => {
  const r = play(story.slice(0, 3));
  assert.equal(r.apply(story[1]!), false);
  assert.equal(r.apply(story[3]!), true);
});

test('lost ticks leave gaps in the chart and nothing else', () => {
  const r = play(story.filter((e) => e.seq !== 10));
  assert.deepEqual(r.series.t, [0.1, 0.3]);
  assert.equal(r.seq, 12);
  assert.equal(r.verdict?.outcome, 'passed');
});

test('a verdict closes the gate that it names', () => {
  const failed = verdict(golden('verdict-build-failed.json'), 'v');
  const r = play([story[1]!, { seq: 3, at: 2, kind: 'verdict', verdict: failed }]);
  assert.deepEqual(r.steps.map((s) => s.state), ['failed', 'waiting', 'waiting', 'waiting', 'waiting']);
  assert.equal(r.steps[0]!.to, 2);
});

test('a window without requests is a gap', () => {
  const e = tick(1, 0.1);
  e.tick!.after = { n: 0, p50_ms: 0, p95_ms: 0, p99_ms: 0, rps: 0, errors: 0 };
  const r = play([e]);
  assert.equal(r.series.after.p95[0], null);
  assert.equal(r.series.after.rps[0], null);
  assert.equal(r.series.before.p95[0], 101);
});

test('histograms arrive on some ticks and stay', () => {
  const r = play([event(golden('event-tick.json'), 'e'), { ...tick(28, 2), seq: 28 }]);
  assert.equal(r.series.histogram.version, 1);
  assert.deepEqual(r.series.histogram.after.slice(0, 3), [2, 11, 44]);
});

test('figures are the last second during a run and the whole run after it', () => {
  const going = figures(play(story.slice(0, -1)));
  assert.equal(going?.whole, false);
  assert.equal(going?.before.p95_ms, 111);
  const over = figures(play(story));
  assert.equal(over?.whole, true);
  assert.equal(over?.after.p95_ms, 13.3);
  assert.equal(figures(new Run('r')), null);
});

test('the starter’s P95 leaves the warm-up out', () => {
  assert.equal(starterP95(play(story).series), (110 + 111) / 2);
  assert.equal(starterP95(new Run('r').series), null);
});
