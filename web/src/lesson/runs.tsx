// The history, read as experiments: what was expected, what was changed, what
// was measured.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, files, reset, watch } from '../actions';
import { Problem } from '../api';
import { Diffs, type Changed } from '../code/diff';
import { ago, factor, ms, ratio } from '../format';
import { outcomeOf } from '../run/outcome';
import { Icon } from '../shell/icon';
import { compared, runs, runTab, watchedInfo } from '../store';
import type { RunInfo } from '../wire/server';

export function Runs() {
  const list = runs.value;
  const best = Math.max(0, ...list.filter((r) => r.outcome === 'passed').map((r) => r.ratio));
  if (!list.length) {
    return (
      <div class="empty">
        <h2>No runs yet</h2>
        <p>Each run is kept here as an experiment: what you expected, what you changed, and what it measured. You can come back to any of them.</p>
      </div>
    );
  }
  return (
    <ol class="runs">
      {list.map((r) => (
        <RunRow key={r.id} run={r} best={best > 0 && r.ratio === best && r.outcome === 'passed'} />
      ))}
    </ol>
  );
}

function RunRow({ run, best }: { run: RunInfo; best: boolean }) {
  const shown = watchedInfo.value?.id === run.id;
  const told = outcomeOf(run.outcome ? run : null, run.state);
  const show = () => {
    watch(run.id);
    if (runTab.peek() !== 'output') runTab.value = 'live';
  };
  return (
    <li class={shown ? 'run shown' : 'run'}>
      <button type="button" class="run-line" aria-expanded={shown} onClick={show}>
        <span class="run-number number">{run.number}</span>
        <span class={`run-outcome ${told.tone}`}>
          <Icon name={told.icon} />
          {told.title}
          {best && <span class="tag">best</span>}
        </span>
        <span class="run-ratio number">{run.ratio > 0 && <b>{run.low <= 1 && run.high >= 1 ? '~' : ratio(run.ratio)}</b>}</span>
        <span class="run-when">
          <time dateTime={run.created_at}>{ago(new Date(run.created_at), new Date())}</time>
        </span>
        {run.hypothesis && <span class="run-hypothesis">{run.hypothesis}</span>}
        {run.ratio > 0 && (
          <span class="run-interval number">
            P95 {ms(run.p95_before_ms)} → {ms(run.p95_after_ms)}, 95 % interval {factor(run.low)}–{factor(run.high)}
          </span>
        )}
      </button>
      {shown && <RunFiles run={run} />}
    </li>
  );
}

/** Any other run that was measured, to be shown side by side with this one. */
function CompareWith({ run }: { run: RunInfo }) {
  const others = runs.value.filter((r) => r.id !== run.id && r.state === 'done');
  if (!others.length) return null;
  const show = (id: string) => {
    const other = others.find((r) => r.id === id);
    if (!other) return;
    compared.value = other.number < run.number ? { older: other.id, newer: run.id } : { older: run.id, newer: other.id };
  };
  return (
    <label>
      <span class="hidden">Compare run {run.number} with</span>
      <select
        value=""
        onChange={(e) => {
          show(e.currentTarget.value);
          e.currentTarget.value = '';
        }}
      >
        <option value="">Compare with…</option>
        {others.map((r) => (
          <option key={r.id} value={r.id}>
            Run {r.number}
            {r.hypothesis && `: ${r.hypothesis}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function RunFiles({ run }: { run: RunInfo }) {
  const changed = useSignal<Changed[] | null>(null);
  const failed = useSignal('');
  const load = () => {
    failed.value = '';
    api.run(run.id).then(
      (detail) => {
        changed.value = Object.entries(detail.files).map(([path, after]) => ({ path, before: files.get(path)?.starter ?? '', after }));
      },
      (err: unknown) => {
        if (!(err instanceof Problem)) throw err;
        failed.value = err.message;
      },
    );
  };
  useEffect(load, [run.id]);
  if (failed.value) {
    return (
      <p class="quiet">
        {failed.value}{' '}
        <button type="button" class="link" onClick={load}>
          Try again
        </button>
      </p>
    );
  }
  if (!changed.value) return <p class="quiet">Loading the files of run {run.number}…</p>;
  return (
    <div class="run-files">
      <Diffs files={changed.value} none="Nothing differed from the starter." />
      <p class="buttons">
        <button type="button" class="button" onClick={() => void reset(run.id, `Your files are those of run ${run.number}.`)}>
          <Icon name="rotate-ccw" />
          Restore these files
        </button>
        <CompareWith run={run} />
      </p>
    </div>
  );
}
