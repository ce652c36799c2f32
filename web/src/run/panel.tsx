// The run panel: its tabs, the state of the watched run, and the hypothesis of
// the next one. A new tab is a line in TABS.
import type { ComponentType } from 'preact';
import { seconds } from '../format';
import { announce, theEditor, watch } from '../actions';
import { Icon } from '../shell/icon';
import { Tabs } from '../shell/tabs';
import { active, followRun, hypothesis, openFile, pane, runs, runTab, watchedInfo, type RunTab } from '../store';
import type { Diagnostic } from '../wire/verdict';
import { Live } from './live';
import { GATE_NAMES, outcomeOf } from './outcome';
import { Output } from './output';
import type { Run } from './run';
import { CountersTab, ProfileTab, QueriesTab } from './why';

const TABS: { id: RunTab; label: string; Panel: ComponentType<{ onOpen: (d: Diagnostic) => void }> }[] = [
  { id: 'live', label: 'Live', Panel: Live },
  { id: 'profile', label: 'Profile', Panel: ProfileTab },
  { id: 'queries', label: 'Queries', Panel: QueriesTab },
  { id: 'counters', label: 'Counters', Panel: CountersTab },
  { id: 'output', label: 'Output', Panel: Output },
];

/** Opens the place that a message points to. */
function open(d: Diagnostic): void {
  openFile.value = d.file;
  pane.value = 'code';
  theEditor()?.reveal(d.file, d.line, d.column);
  theEditor()?.focus();
  announce(`${d.file}, line ${d.line}: ${d.message}`);
}

export function RunPanel() {
  const errors = followRun()?.verdict?.diagnostics?.length ?? 0;
  return (
    <>
      <h2 class="hidden">Run</h2>
      <div class="bar">
        <Tabs
          prefix="run-tab"
          label="Run results"
          selected={runTab.value}
          onSelect={(id) => (runTab.value = id)}
          tabs={TABS.map(({ id, label }) => ({
            id,
            controls: `run-${id}`,
            label: (
              <>
                {label}
                {id === 'output' && errors > 0 && <span class="tag bad number">{errors}</span>}
              </>
            ),
          }))}
        />
        <div class="grow" />
        <div class="actions">
          <State />
          <Hypothesis />
        </div>
      </div>
      <Progress />
      {TABS.map(({ id, Panel }) => (
        <div key={id} class="panel" id={`run-${id}`} role="tabpanel" aria-labelledby={`run-tab-${id}`} hidden={runTab.value !== id}>
          {runTab.value === id && <Panel onOpen={open} />}
        </div>
      ))}
    </>
  );
}

function State() {
  const run = followRun();
  const info = watchedInfo.value;
  if (!run || !info) return <span class="state">Ready</span>;
  const newest = runs.value[0];
  const older = newest && newest.id !== info.id && (
    <button type="button" class="link" onClick={() => watch(newest.id)}>
      {active.value ? `Run ${newest.number} is going` : `Latest: run ${newest.number}`}
    </button>
  );
  const over = run.verdict || info.state === 'stopped' || info.state === 'failed';
  if (over) {
    const told = outcomeOf(run.verdict, info.state);
    return (
      <>
        <span class={`state ${told.tone}`}>
          <Icon name={told.icon} />
          Run {info.number}: {told.title}
          {run.verdict && <span class="number">in {seconds(run.verdict.seconds)}</span>}
        </span>
        {older}
      </>
    );
  }
  return (
    <>
      <span class="state busy">
        <i class="pulse" />
        {progress(run)}
      </span>
      {older}
    </>
  );
}

function progress(run: Run): string {
  if (run.ahead !== null || run.seq === 0) return 'Queued';
  const step = run.step;
  if (step?.name === 'load' && run.tick && run.plan) return `Loading ${Math.floor(run.tick.t)} s of at most ${Math.round(run.plan.seconds)} s`;
  return step ? GATE_NAMES[step.name].title : 'Running'; // between two steps
}

/** Kept with the next run; the field goes away while one is going on. */
function Hypothesis() {
  if (active.value) return null;
  return (
    <label class="hypothesis">
      <span class="hidden">Hypothesis of the next run, optional</span>
      <input type="text" maxLength={200} placeholder="Hypothesis (optional)" value={hypothesis.value} onInput={(e) => (hypothesis.value = e.currentTarget.value)} />
    </label>
  );
}

function Progress() {
  const run = followRun();
  const done = run?.tick && run.plan && !run.verdict && watchedInfo.value?.state === 'running' ? run.tick.t / run.plan.seconds : 0;
  return (
    <div class="progress" aria-hidden="true">
      <i style={{ width: `${Math.min(100, done * 100)}%` }} />
    </div>
  );
}
