import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../src/wire/decode';
import { message, runInfo, workspace } from '../src/wire/server';
import { event, verdict } from '../src/wire/verdict';
import { golden, names } from './golden';

for (const name of names) {
  test(`${name} decodes and nothing of it is lost`, () => {
    const value = golden(name);
    const decoded = name.startsWith('event-') ? event(value, name) : verdict(value, name);
    assert.deepEqual(decoded, value);
  });
}

test('there is a golden file for each kind of event', () => {
  const kinds = names.filter((n) => n.startsWith('event-')).map((n) => n.slice('event-'.length, -'.json'.length));
  assert.deepEqual(kinds.sort(), ['gate', 'log', 'plan', 'queued', 'tick', 'verdict']);
});

test('a seed keeps all of its 64 bits', () => {
  assert.equal(verdict(golden('verdict-passed.json'), 'v').seed, '9007199254740993');
});

const info = {
  id: 'r1', challenge: 'missing-index', number: 1, state: 'running', created_at: '2026-02-03T10:00:00Z', hypothesis: '', outcome: '', gate: '',
  score: 0, seconds: 0, p95_before_ms: 0, p95_after_ms: 0, ratio: 0, low: 0, high: 0, changed: 1,
};

test('messages of the websocket decode', () => {
  const cases = [
    { type: 'hello', active: '', version: '1' },
    { type: 'snapshot', run: info, events: [golden('event-queued.json'), golden('event-tick.json')] },
    { type: 'event', run: 'r1', event: golden('event-log.json') },
    { type: 'run', run: info },
    { type: 'file', path: 'store.go', text: null },
  ];
  for (const c of cases) assert.deepEqual(message(JSON.stringify(c)), c);
});

test('a message of an unknown type is passed over, even one named like a property of all objects', () => {
  assert.equal(message('{"type":"weather"}'), null);
  assert.equal(message('{"type":"constructor"}'), null);
});

test('Go’s nil slices are empty lists', () => {
  assert.deepEqual(workspace({ folder: '/w', files: null }, 'w').files, []);
});

test('a wrong shape is refused with the place', () => {
  assert.throws(() => runInfo({ ...info, ratio: '8' }, 'run'), (err: unknown) => err instanceof WireError && err.message === 'run.ratio: expected number, got string');
  assert.throws(() => event({ ...(golden('event-tick.json') as object), kind: 'tock' }, 'e'), WireError);
});
