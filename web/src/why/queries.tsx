// The Queries tab: what each statement costs a request, on both sides, and how
// SQLite runs it.
import type { Evidence, Executed, PlanStep, Statement } from '../wire/verdict';
import { count, ms } from '../format';
import { advice } from './plan';

export function Queries({ evidence }: { evidence: Evidence }) {
  const list = evidence.statements;
  if (!list.length) return <p class="empty-note">{['No statement was sent to the database.', ...(evidence.notes ?? [])].join(' ')}</p>;
  const cpu = evidence.profiles.find((p) => p.name === 'cpu');
  const most = Math.max(...list.flatMap((s) => [s.before?.total_ms ?? 0, s.after?.total_ms ?? 0]));
  return (
    <div class="queries" tabIndex={0} role="region" aria-label="Statements and their plans">
      <p class="quiet">
        Told by the services themselves, each kept busy for a moment after the scored pairs; the plans are SQLite's own, of each side's data.
      </p>
      <table class="number">
        <thead>
          <tr>
            <th scope="col">Statement</th>
            <th scope="col">Calls a request</th>
            <th scope="col">Rows a call</th>
            <th scope="col">P95 of a call</th>
            <th scope="col">Time a request</th>
          </tr>
        </thead>
        {list.map((s) => (
          <Rows key={s.sql} statement={s} most={most} requests={cpu && { before: cpu.before.requests, after: cpu.after.requests }} />
        ))}
      </table>
    </div>
  );
}

function Rows({ statement, most, requests }: { statement: Statement; most: number; requests: { before: number; after: number } | undefined }) {
  const { before, after } = statement;
  const same = before && after && JSON.stringify(before.plan) === JSON.stringify(after.plan);
  return (
    <tbody>
      <tr class="statement">
        <th scope="rowgroup" colSpan={5}>
          <code>{statement.sql}</code>
        </th>
      </tr>
      <Cost name="Starter" of={before} most={most} requests={requests?.before} />
      {!same && <Plan of={before} />}
      <Cost name="Yours" of={after} most={most} requests={requests?.after} yours />
      {same ? <Plan of={after} note="The same plan in both versions" /> : <Plan of={after} />}
    </tbody>
  );
}

const several = (v: number) => (v === 0 || v >= 9.95 ? count(v) : v.toFixed(v >= 0.995 && Math.abs(v - Math.round(v)) < 0.005 ? 0 : 2));

function Cost({ name, of, most, requests, yours }: { name: string; of: Executed | undefined; most: number; requests: number | undefined; yours?: boolean }) {
  return (
    <tr class={yours ? 'yours' : ''}>
      <th scope="row">{name}</th>
      {of ? (
        <>
          <td>{several(of.calls)}</td>
          <td>{several(of.rows)}</td>
          <td>{ms(of.p95_ms)}</td>
          <td>
            <i class="cost-bar" style={{ width: `${most ? Math.max(1, (72 * of.total_ms) / most) : 1}px` }} />
            {ms(of.total_ms)}
          </td>
        </>
      ) : (
        <td colSpan={4}>not seen{requests ? ` in ${count(requests)} requests` : ''}</td>
      )}
    </tr>
  );
}

function depth(steps: PlanStep[], step: PlanStep): number {
  let n = 0;
  for (let at: PlanStep | undefined = step; at && at.parent !== 0 && n < steps.length; n++) at = steps.find((s) => s.id === at!.parent);
  return n;
}

function Plan({ of, note }: { of: Executed | undefined; note?: string }) {
  if (!of) return null;
  const steps = of.plan ?? [];
  if (!steps.length && !of.unplanned) return null;
  return (
    <tr class="plan">
      <td colSpan={5}>
        {of.unplanned && <p>No plan: {of.unplanned}</p>}
        <ol>
          {steps.map((s) => {
            const why = advice(s);
            return (
              <li key={s.id} class={why ? 'scan' : ''} style={{ paddingLeft: `${8 + 16 * depth(steps, s)}px` }}>
                <code>{s.detail}</code>
                {why && <span>{why}</span>}
              </li>
            );
          })}
        </ol>
        {note && <p class="quiet">{note}</p>}
      </td>
    </tr>
  );
}
