// The Output tab: what the build, the services and the grader said.
import { Icon } from '../shell/icon';
import { followRun } from '../store';
import type { Diagnostic } from '../wire/verdict';
import { Diagnostics } from './result';

const FROM = { build: 'build', before: 'starter', after: 'yours', grader: 'grader' };

export function Output({ onOpen }: { onOpen: (d: Diagnostic) => void }) {
  const run = followRun();
  const v = run?.verdict;
  if (!run || (!run.lines.length && !v?.log && !v?.diagnostics)) {
    return (
      <div class="stage">
        <p class="lead">{run ? 'Neither the build nor the services have said anything.' : 'What the build and both services print appears here.'}</p>
      </div>
    );
  }
  return (
    <div class="output" tabIndex={0} role="region" aria-label="Output">
      {v?.diagnostics && (
        <section>
          <h3 class="worse">
            <Icon name="x" />
            {v.diagnostics.length === 1 ? '1 error' : `${v.diagnostics.length} errors`}
          </h3>
          <Diagnostics found={v.diagnostics} onOpen={onOpen} />
        </section>
      )}
      {run.lines.length > 0 && (
        <pre>
          {run.lines.map((l, i) => (
            <span key={i} class={`from-${l.from}`}>
              <i>{FROM[l.from].padEnd(8)}</i>
              {l.text}
              {'\n'}
            </span>
          ))}
        </pre>
      )}
      {v?.log && (
        <section>
          <h3>{v.gate === 'build' ? 'The compiler said' : "The end of your service's output"}</h3>
          <pre>{v.log.trimEnd()}</pre>
        </section>
      )}
    </div>
  );
}
