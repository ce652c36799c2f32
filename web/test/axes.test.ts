import assert from 'node:assert/strict';
import { test } from 'node:test';
import { halfDecades, logRange, roundStep, ticksTo } from '../src/charts/axes';
import { matches } from '../src/shell/match';

test('half decades', () => {
  assert.deepEqual(halfDecades(3, 300), [3, 10, 30, 100, 300]);
  assert.deepEqual(halfDecades(0.1, 1), [0.1, 0.3, 1]);
});

test('a log range holds what it is given and no more than it needs', () => {
  for (const [low, high, want] of [
    [3.9, 164, [3, 300]],
    [0.2, 0.25, [0.1, 0.3]],
    [10, 10, [10, 100]],
    [30, 1000, [30, 1000]],
    [3.9, 315, [3, 1000]],
  ] as const) {
    assert.deepEqual(logRange(low, high), want);
  }
});

test('round steps', () => {
  assert.equal(roundStep(24, 8), 5);
  assert.equal(roundStep(60, 8), 10);
  assert.equal(roundStep(20, 10), 2);
  assert.deepEqual(ticksTo(24, 5), [0, 5, 10, 15, 20]);
});

test('the palette finds letters in order, best first', () => {
  const items = ['Show output', 'Stop the run', 'Run'];
  assert.deepEqual(matches('run', items, (s) => s), ['Run', 'Stop the run']);
  assert.deepEqual(matches('sho', items, (s) => s)[0], 'Show output');
  assert.deepEqual(matches('zz', items, (s) => s), []);
  assert.deepEqual(matches('', items, (s) => s), items);
});
