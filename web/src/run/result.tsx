// How a run ended, in words: the outcome, what was measured, what to look at
// next, and for a run that never was measured, the evidence.
import { Icon } from '../shell/icon';
import type { RunInfo } from '../wire/server';
import type { Diagnostic, Mismatch, Verdict } from '../wire/verdict';
import { outcomeOf } from './outcome';

/** The strip over the figures. */
export function Result({ verdict, state }: { verdict: Verdict | null; state: RunInfo['state'] }) {
  const told = outcomeOf(verdict, state);
  return (
    <section class={`result ${told.tone}`} aria-label="Result">
      <Icon name={told.icon} />
      <p>
        <b>{told.title}</b>
      </p>
      <p class="words">
        {verdict?.message ?? (state === 'stopped' ? 'You stopped this run; nothing was scored.' : 'The run broke on our side. It was not scored; please run it again.')}
        {verdict?.next && <span> {verdict.next}</span>}
      </p>
    </section>
  );
}

/** What stopped a run before it was measured. */
export function Evidence({ verdict: v, onOpen }: { verdict: Verdict; onOpen: (d: Diagnostic) => void }) {
  return (
    <div class="evidence">
      {v.diagnostics && <Diagnostics found={v.diagnostics} onOpen={onOpen} />}
      {v.mismatch && <Difference mismatch={v.mismatch} />}
      {v.log && !v.diagnostics && (
        <section>
          <h3>Your service's last words</h3>
          <pre tabIndex={0}>{v.log.trimEnd()}</pre>
        </section>
      )}
    </div>
  );
}

export function Diagnostics({ found, onOpen }: { found: Diagnostic[]; onOpen: (d: Diagnostic) => void }) {
  return (
    <ul class="diagnostics">
      {found.map((d) => (
        <li key={`${d.file}:${d.line}:${d.column}:${d.message}`}>
          <button type="button" class="link" onClick={() => onOpen(d)}>
            {d.file}
            {d.line > 0 && `:${d.line}:${d.column}`}
          </button>{' '}
          <b>{d.message}</b>
        </li>
      ))}
    </ul>
  );
}

function Difference({ mismatch }: { mismatch: Mismatch }) {
  return (
    <section class="mismatch">
      <h3>
        <code>{mismatch.request}</code>
        {mismatch.where && (
          <span>
            differs at <code>{mismatch.where}</code>
          </span>
        )}
        <span>check: {mismatch.check}</span>
      </h3>
      <dl>
        <div>
          <dt>The starter answered</dt>
          <dd>
            <pre tabIndex={0}>{mismatch.want}</pre>
          </dd>
        </div>
        <div>
          <dt>Yours answered</dt>
          <dd>
            <pre tabIndex={0} class="got">
              {mismatch.got}
            </pre>
          </dd>
        </div>
      </dl>
    </section>
  );
}
