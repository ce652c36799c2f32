// The five steps of a run, as they go; before a run, what they will be.
import { useEffect, useState } from 'preact/hooks';
import { seconds } from '../format';
import { Icon } from '../shell/icon';
import { followRun } from '../store';
import type { Run, Step } from './run';
import { GATE_NAMES } from './outcome';
import { GATES } from '../wire/verdict';

const ICONS: Record<Step['state'] | 'stopped', string> = { waiting: 'circle', running: 'circle-dot', passed: 'check', failed: 'x', stopped: 'square' };

export function StepsAhead() {
  return (
    <ol class="steps">
      {GATES.map((g) => (
        <li key={g} class="waiting">
          <Icon name="circle" />
          <b>{GATE_NAMES[g].title}</b>
          <span>{GATE_NAMES[g].does}</span>
        </li>
      ))}
    </ol>
  );
}

/** Follows the watched run, which is `run`; `over` tells that it will not go on. */
export function Steps({ run, over }: { run: Run; over: boolean }) {
  followRun();
  const now = useClock(run, over);
  return (
    <ol class="steps">
      {run.steps.map((s) => {
        const state = over && s.state === 'running' ? 'stopped' : s.state;
        return (
          <li key={s.name} class={state} aria-current={state === 'running' ? 'step' : undefined}>
            <Icon name={ICONS[state]} />
            <b>
              {GATE_NAMES[s.name].title}
              <span class="hidden">, {state}</span>
            </b>
            <span>{s.detail || (over && state === 'waiting' ? 'not reached' : GATE_NAMES[s.name].does)}</span>
            {state !== 'waiting' && <span class="number">{seconds(Math.max(0, (s.to ?? now) - s.from))}</span>}
          </li>
        );
      })}
    </ol>
  );
}

/** Seconds since the run's start, going on between two events. */
function useClock(run: Run, over: boolean): number {
  const [now, set] = useState(run.at);
  const running = run.step !== undefined && !over;
  useEffect(() => {
    const offset = run.at - performance.now() / 1000;
    set(run.at);
    if (!running) return;
    const id = setInterval(() => set(performance.now() / 1000 + offset), 100);
    return () => clearInterval(id);
  }, [run, run.seq, running]);
  return now;
}
