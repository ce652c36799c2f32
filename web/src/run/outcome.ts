// How an end is told: its title, its tone and its icon.
import type { RunInfo } from '../wire/server';
import type { Gate, Outcome, Verdict } from '../wire/verdict';

export type Tone = 'ok' | 'bad' | 'calm' | 'warn';
export interface Told {
  title: string;
  tone: Tone;
  icon: string;
}

export const GATE_NAMES: Record<Gate, { title: string; does: string; failed: string }> = {
  build: { title: 'Build', does: 'Compiles the starter and your version.', failed: 'Does not build' },
  start: { title: 'Start', does: 'Starts both, each with its own copy of the data.', failed: 'Did not start' },
  check: { title: 'Check', does: 'Sends both the same requests and compares the answers.', failed: 'Wrong answer' },
  load: { title: 'Load', does: 'Loads both in short alternating slices, at one rate.', failed: 'Failed under load' },
  compare: { title: 'Compare', does: 'Sets the measurements against the targets.', failed: 'Target missed' },
};

const OUTCOMES: Record<Exclude<Outcome, 'failed'>, Told> = {
  passed: { title: 'Passed', tone: 'ok', icon: 'check' },
  unchanged: { title: 'Nothing changed', tone: 'calm', icon: 'equal' },
  'no-difference': { title: 'No difference', tone: 'calm', icon: 'equal' },
  'too-noisy': { title: 'Too noisy to tell', tone: 'warn', icon: 'activity' },
  error: { title: 'Our own fault', tone: 'warn', icon: 'triangle-alert' },
};
const STOPPED: Told = { title: 'Stopped', tone: 'calm', icon: 'square' };

type Ended = Pick<Verdict, 'outcome' | 'gate'> | { outcome: string; gate: string };

/** The title of an ended run, from its verdict or its line in the history. */
export function outcomeOf(v: Ended | null, state: RunInfo['state']): Told {
  if (state === 'stopped') return STOPPED;
  if (state === 'failed') return OUTCOMES.error;
  if (!v) return { title: state === 'queued' ? 'Queued' : 'Running', tone: 'calm', icon: 'circle-dot' };
  if (v.outcome === 'failed') return { title: GATE_NAMES[v.gate as Gate]?.failed ?? 'Failed', tone: 'bad', icon: 'x' };
  return OUTCOMES[v.outcome as keyof typeof OUTCOMES] ?? STOPPED;
}
