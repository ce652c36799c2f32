import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, change, improvement, inUnit, metricLabel, ms, ratio, seconds, share } from '../src/format';

const table = <A extends unknown[]>(name: string, f: (...args: A) => string, rows: [A, string][]) =>
  test(name, () => {
    for (const [args, want] of rows) assert.equal(f(...args), want, JSON.stringify(args));
  });

table('ms', ms, [
  [[0.256], '0.26 ms'],
  [[0.996], '1.0 ms'],
  [[9.94], '9.9 ms'],
  [[9.96], '10 ms'],
  [[118.5], '119 ms'],
  [[999.4], '999 ms'],
  [[999.6], '1.00 s'],
  [[1961], '1.96 s'],
  [[9996], '10.0 s'],
]);
table('seconds', seconds, [
  [[0.41], '0.4 s'],
  [[9.96], '10 s'],
  [[27.6], '28 s'],
  [[119.6], '2 min 0 s'],
  [[125], '2 min 5 s'],
]);
table('ratio', ratio, [
  [[8.91], '8.9×'],
  [[12.4], '12×'],
  [[0.953], '0.95×'],
  [[1.009], '1.01×'],
]);
table('improvement', improvement, [
  [[8.91], '8.9× better'],
  [[0.8], '1.25× worse'],
  [[1.004], 'the same'],
  [[0], '–'],
]);
table('change', change, [
  [[100, 3], '−97\u202f%'],
  [[88, 202], '+130\u202f%'],
  [[100, 100.2], '±0\u202f%'],
  [[293, 1.3], '−99.6\u202f%'],
  [[5000, 0.1], '−99.9\u202f%'],
  [[5, 0], '−100\u202f%'],
  [[1, 13], '+1,200\u202f%'],
]);
table('share', share, [
  [[0], '0.00 %'],
  [[0.0214], '2.1 %'],
  [[0.34], '34 %'],
]);
table('inUnit', inUnit, [
  [[118.5, 'ms'], '119 ms'],
  [[0.05, '%'], '0.05 %'],
  [[120, 'per request'], '120'],
  [[1.1, 'per request'], '1.1'],
  [[48.2, 'MB'], '48 MB'],
  [[0, '%'], '0 %'],
]);
table('metricLabel', metricLabel, [
  [['p95', 'history'], 'P95 of history'],
  [['queries', ''], 'Queries per request'],
  [['new', ''], 'new'],
]);

test('ago', () => {
  const now = new Date('2026-03-04T12:00:00Z');
  const before = (s: number) => ago(new Date(now.getTime() - s * 1000), now);
  assert.equal(before(10), 'just now');
  assert.equal(before(250), '4 min ago');
  assert.equal(before(3 * 3600), '3 h ago');
  assert.match(before(40 * 86400), /^23 Jan$/);
});
