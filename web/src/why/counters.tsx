// The Counters tab: what each process used, and what each kind of request was
// answered with.
import { change, count, ms, share } from '../format';
import type { Counter, Evidence } from '../wire/verdict';
import { amount } from './profiles';

const NAMES: Record<string, string> = {
  cpu: 'Processor time',
  memory: 'Memory at its peak',
  written: 'Written to disk',
  queries: 'Statements to the database',
  allocated: 'Memory allocated',
  objects: 'Objects allocated',
  gc: 'Processor time of the garbage collector',
  locks: 'Waiting for locks',
  goroutines: 'Goroutines at the end',
};

const FROM = { kernel: 'the kernel', kit: "the grader's own count", generator: 'the load generator', service: 'the service itself' };

/** Changes below this are not coloured, and none of what is next to nothing. */
const NOTED = 0.05;
const LEAST: Record<string, number> = { ms: 0.1, bytes: 1000 };

/** "Memory allocated a request". */
export const nameOf = (c: Counter) => (NAMES[c.name] ?? c.name) + (c.per ? ` a ${c.per}` : '');

export function written(c: Counter, v: number): string {
  if (c.unit === 'ms') return ms(v);
  if (c.unit === 'bytes') return amount('bytes', v);
  return v >= 99.5 || Number.isInteger(v) ? count(v) : v.toFixed(v >= 9.95 ? 1 : 2);
}

export function Counters({ evidence }: { evidence: Evidence }) {
  return (
    <div class="counters" tabIndex={0} role="region" aria-label="Counters">
      <table class="number">
        <caption>By process, over the scored pairs</caption>
        <thead>
          <tr>
            <th scope="col">Counter</th>
            <th scope="col">Starter</th>
            <th scope="col">Yours</th>
            <th scope="col">Difference</th>
            <th scope="col">Told by</th>
          </tr>
        </thead>
        <tbody>
          {evidence.counters.map((c) => (
            <tr key={c.name}>
              <th scope="row">
                {nameOf(c)}
              </th>
              <td>{written(c, c.before)}</td>
              <td>{written(c, c.after)}</td>
              <Difference before={c.before} after={c.after} least={LEAST[c.unit] ?? 0} />
              <td class="from">{FROM[c.from]}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <table class="number">
        <caption>By kind of request, over the scored pairs; told by the load generator</caption>
        <thead>
          <tr>
            <th scope="col">Request</th>
            <th scope="col">Requests</th>
            <th scope="col">P50, starter</th>
            <th scope="col">P50, yours</th>
            <th scope="col">P95, starter</th>
            <th scope="col">P95, yours</th>
            <th scope="col">Bytes, starter</th>
            <th scope="col">Bytes, yours</th>
            <th scope="col">Errors, yours</th>
          </tr>
        </thead>
        <tbody>
          {evidence.endpoints.map((e) => (
            <tr key={e.name}>
              <th scope="row">{e.name}</th>
              <td>{count(e.after.n)}</td>
              <td>{ms(e.before.p50_ms)}</td>
              <td>{ms(e.after.p50_ms)}</td>
              <td>{ms(e.before.p95_ms)}</td>
              <td>{ms(e.after.p95_ms)}</td>
              <td>{amount('bytes', e.before.bytes)}</td>
              <td>{amount('bytes', e.after.bytes)}</td>
              <td class={e.after.errors > e.before.errors ? 'worse' : ''}>{share(e.after.errors)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {evidence.notes?.map((n) => (
        <p key={n} class="quiet">
          {n}
        </p>
      ))}
    </div>
  );
}

function Difference({ before, after, least }: { before: number; after: number; least: number }) {
  if (!before || !after) return <td>{before === after ? '–' : before ? 'gone' : 'new'}</td>;
  const same = Math.abs(after / before - 1) < NOTED || Math.max(before, after) < least;
  return <td class={same ? '' : after < before ? 'good' : 'worse'}>{change(before, after)}</td>;
}
