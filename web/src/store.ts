// The one store of the challenge page. Everything that is drawn reads from
// here; only actions.ts writes.
import { computed, signal } from '@preact/signals';
import type { Connection } from './live';
import type { Run } from './run/run';
import { boot as decodeBoot, type Diagnosis, type Hint, type RunInfo, type Solution } from './wire/server';

export const boot = decodeBoot(JSON.parse(document.getElementById('boot')!.textContent!), 'boot');

export type Pane = 'lesson' | 'code' | 'run';
export type LessonTab = 'lesson' | 'runs' | 'solution';
export type RunTab = 'live' | 'profile' | 'queries' | 'counters' | 'output';

// The view.
export const pane = signal<Pane>('lesson');
export const lessonTab = signal<LessonTab>('lesson');
export const runTab = signal<RunTab>('live');
export const openFile = signal('');
export const showDiff = signal(false);
export const cursor = signal({ line: 1, column: 1 });

// The server.
export const connection = signal<Connection>('connecting');
export const runs = signal<RunInfo[]>(boot.runs);
export const diagnosis = signal<Diagnosis>(boot.diagnosis);
export const hints = signal<Hint[]>(boot.hints.opened);
export const solution = signal<Solution | null>(null);

/** The watched run. It changes in place: `drawn` counts what is to be redrawn. */
export const run = signal<Run | null>(null);
/** Bumped when steps, log or verdict changed, and twice a second while ticks arrive. */
export const drawn = signal(0);

/** The watched run, for a component that is to be drawn again as it changes. */
export function followRun(): Run | null {
  void drawn.value;
  return run.value;
}

// What is asked or told.
export const hypothesis = signal('');
export const diagnosisWanted = signal(false); // Run was pressed before the question was answered
export const starting = signal(false);
export interface Toast {
  text: string;
  tone?: 'bad';
  action?: { label: string; run: () => void };
}
export const toast = signal<Toast | null>(null);
export interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
  answer: (yes: boolean) => void;
}
export const question = signal<Question | null>(null);
export const overlay = signal<'palette' | 'add-file' | 'latency-table' | 'distribution-table' | null>(null);

/** Two runs that are shown side by side. */
export const compared = signal<{ older: string; newer: string } | null>(null);

export const active = computed(() => runs.value.find((r) => r.state === 'queued' || r.state === 'running') ?? null);
export const watchedInfo = computed(() => runs.value.find((r) => r.id === run.value?.id) ?? null);
export const finished = computed(() => boot.ran || runs.value.some((r) => r.state === 'done'));
export const asksFirst = computed(() => diagnosis.value.question !== '' && diagnosis.value.answered === null && runs.value.length === 0);
