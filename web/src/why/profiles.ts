// What can be looked at in a profile, how its values are written, and what was
// fetched of it.
import { signal } from '@preact/signals';
import { api } from '../actions';
import { count, ms } from '../format';
import type { Graph } from '../wire/evidence';

export type Which = 'after' | 'before';

export const VIEWS = [
  { id: 'cpu', profile: 'cpu', label: 'CPU time', of: 'of processor time' },
  { id: 'alloc', profile: 'heap', label: 'Allocated memory', of: 'allocated' },
  { id: 'objects', profile: 'heap', label: 'Allocated objects', of: 'objects allocated' },
  { id: 'heap', profile: 'heap', label: 'Memory in use', of: 'in use' },
  { id: 'mutex', profile: 'mutex', label: 'Mutex: waiting for a lock', of: 'of waiting for locks' },
  { id: 'block', profile: 'block', label: 'Block: waiting for anything', of: 'of waiting' },
  { id: 'goroutines', profile: 'goroutines', label: 'Goroutines', of: 'goroutines' },
] as const;
export type View = (typeof VIEWS)[number]['id'];

export const OWNERS = ['Your code', 'Library', 'Standard library', 'Go runtime'];

// The panel's state, kept while another tab is open.
export const view = signal<View>('cpu');
export const which = signal<Which>('after');
export const byChange = signal(false);
export const asTable = signal(false);
export const filter = signal('');
/** The run whose version stands in the starter's place; '' is the starter. */
export const against = signal('');

const KEPT = 8;
const fetched = new Map<string, Promise<Graph>>();

/** A view of a run, asked for once. */
export function graphOf(run: string, view: string, against: string): Promise<Graph> {
  const key = [run, view, against].join();
  let g = fetched.get(key);
  if (!g) {
    g = api.graph(run, view, against);
    g.catch(() => fetched.delete(key)); // asked again the next time
    fetched.set(key, g);
    const oldest = fetched.keys().next();
    if (fetched.size > KEPT && !oldest.done) fetched.delete(oldest.value);
  }
  return g;
}

/** A side's value for one request where it grows with them, as it is otherwise. */
export function each(g: Graph, which: Which, value: number): number {
  const n = g[which].requests;
  return g.per_request && n > 0 ? value / n : value;
}

/** A value in the view's unit: "1.2 ms", "34 KB", "1,204". */
export function amount(unit: string, v: number): string {
  if (unit === 'ns') return ms(v / 1e6);
  if (unit === 'bytes') return v >= 1e6 ? `${(v / 1e6).toFixed(1)} MB` : v >= 1000 ? `${(v / 1000).toFixed(1)} KB` : `${Math.round(v)} B`;
  return v >= 99.5 || Number.isInteger(v) ? count(v) : v.toFixed(1);
}

/** How much of a side something is: "34 %", "0.4 %", "" for nothing. */
export function part(value: number, total: number): string {
  if (!value || !total) return '';
  const p = (100 * value) / total;
  return p >= 9.95 ? `${Math.round(p)} %` : p >= 0.1 ? `${p.toFixed(1)} %` : '< 0.1 %';
}

/** A function as it is drawn: without the path of its package. */
export function short(name: string): string {
  const brackets = name.indexOf('[');
  const head = brackets < 0 ? name : name.slice(0, brackets);
  return name.slice(head.lastIndexOf('/') + 1);
}

/** What a change is worth telling, as a share of the larger side's total. */
const NOTED = 0.005;

/** 1 where a version does more than the one before it, −1 where less, 0 where neither. */
export function change(g: Graph, before: number, after: number): -1 | 0 | 1 {
  const d = each(g, 'after', after) - each(g, 'before', before);
  const most = Math.max(each(g, 'after', g.after.total), each(g, 'before', g.before.total));
  return Math.abs(d) < NOTED * most ? 0 : d > 0 ? 1 : -1;
}
