import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Live, type Connection, type Socket } from '../src/live';
import type { Message } from '../src/wire/server';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((m: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: unknown[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {}
}

function setUp() {
  const sockets: FakeSocket[] = [];
  const waits: number[] = [];
  const states: Connection[] = [];
  const messages: Message[] = [];
  let due = () => {};
  let watched: { run: string; after: number } | null = null;
  const live = new Live({
    connect: () => {
      const s = new FakeSocket();
      sockets.push(s);
      return s;
    },
    after: (ms, f) => {
      waits.push(ms);
      due = f;
      return () => (due = () => {});
    },
    watched: () => watched,
    onMessage: (m) => messages.push(m),
    onState: (s) => states.push(s),
  });
  return { live, sockets, waits, states, messages, fire: () => due(), watch: (run: string, after: number) => (watched = { run, after }) };
}

test('it comes back with growing pauses, at most 8 s, and says how it is', () => {
  const t = setUp();
  t.live.open();
  for (let i = 0; i < 7; i++) {
    t.sockets.at(-1)!.onclose!();
    t.fire();
  }
  assert.deepEqual(t.waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(t.states[0], 'connecting');
  assert.equal(t.states.at(-1), 'offline');
  t.sockets.at(-1)!.onopen!();
  assert.equal(t.states.at(-1), 'online');
  t.sockets.at(-1)!.onclose!();
  assert.equal(t.waits.at(-1), 500, 'the pause starts small again');
  assert.equal(t.states.at(-1), 'reconnecting');
});

test('it watches again from the last number that was seen', () => {
  const t = setUp();
  t.watch('r1', 0);
  t.live.open();
  t.sockets[0]!.onopen!();
  t.watch('r1', 41);
  t.sockets[0]!.onclose!();
  t.fire();
  t.sockets[1]!.onopen!();
  assert.deepEqual(t.sockets.map((s) => s.sent), [[{ type: 'watch', run: 'r1', after: 0 }], [{ type: 'watch', run: 'r1', after: 41 }]]);
});

test('it passes known messages on and survives unknown ones', () => {
  const t = setUp();
  t.live.open();
  t.sockets[0]!.onopen!();
  t.sockets[0]!.onmessage!({ data: '{"type":"later","x":1}' });
  t.sockets[0]!.onmessage!({ data: '{"type":"hello","active":"","version":"1"}' });
  assert.deepEqual(t.messages, [{ type: 'hello', active: '', version: '1' }]);
});

test('retry does not open a second connection', () => {
  const t = setUp();
  t.live.open();
  t.live.retry();
  assert.equal(t.sockets.length, 1);
  t.sockets[0]!.onclose!();
  t.live.retry();
  t.fire();
  assert.equal(t.sockets.length, 2);
});
