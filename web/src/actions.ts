// What the page does: everything that changes the store or talks to the server.
import { createApi, Problem } from './api';
import { Files } from './code/files';
import type { Editor } from './code/editor';
import { requestFrame } from './frame';
import { Live } from './live';
import { outcomeOf } from './run/outcome';
import { Run } from './run/run';
import { draftStorage } from './settings';
import * as store from './store';
import { boot } from './store';
import type { Message, RunInfo } from './wire/server';
import type { Event } from './wire/verdict';

const FIGURES_MS = 500; // figures are read, not watched: twice a second is enough

export const api = createApi(boot.slug);
let editor: Editor | null = null;
let figuresAt = 0;

const later = (ms: number, f: () => void) => {
  const id = setTimeout(f, ms);
  return () => clearTimeout(id);
};

export const files = new Files({
  api,
  drafts: draftStorage(),
  slug: boot.slug,
  show: (path, text) => editor?.replace(path, text),
  choose: async (path, theirs) =>
    (await ask({
      title: `${path} changed on disk`,
      text:
        theirs === null
          ? 'Another program removed the file, and you have edits here that were not saved.'
          : 'Another program changed the file, and you have edits here that were not saved. Which version do you want to keep?',
      yes: 'Keep mine',
      no: theirs === null ? 'Remove it' : 'Take the one on disk',
    }))
      ? 'mine'
      : 'theirs',
  after: later,
});

export const live = new Live({
  connect: () => {
    const url = new URL('/live', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('challenge', boot.slug);
    return new WebSocket(url) as never;
  },
  after: later,
  watched: () => {
    const r = store.run.peek();
    return r && { run: r.id, after: r.seq };
  },
  onMessage,
  onState: (s) => (store.connection.value = s),
});

export function attach(e: Editor): void {
  editor = e;
}

export function theEditor(): Editor | null {
  return editor;
}

export function announce(text: string): void {
  document.getElementById('announce')!.textContent = text;
}

/** Copies the path of the workspace, for the learner's own editor. */
export async function copyFolder(): Promise<void> {
  const { folder } = store.boot.workspace;
  try {
    await navigator.clipboard.writeText(folder);
    tell({ text: 'The path of your folder is copied. Edits made there with another editor appear here.' });
  } catch {
    tell({ text: `Your folder: ${folder}` }); // the browser would not let us copy
  }
}

export function tell(toast: store.Toast): void {
  store.toast.value = toast;
}

function fail(err: unknown): void {
  if (!(err instanceof Problem)) console.error(err);
  tell({ text: err instanceof Problem ? err.message : 'The page did not understand the server. Reload it and try again.', tone: 'bad' });
}

export function ask(q: Omit<store.Question, 'answer'>): Promise<boolean> {
  return new Promise((resolve) => {
    store.question.value = {
      ...q,
      answer: (yes) => {
        store.question.value = null;
        resolve(yes);
      },
    };
  });
}

// ---- messages

function onMessage(m: Message): void {
  switch (m.type) {
    case 'hello':
      if (m.active && !store.run.peek()) watch(m.active);
      void refreshRuns();
      break;
    case 'snapshot':
      upsert(m.run);
      take(m.run.id, m.events, true);
      break;
    case 'event':
      take(m.run, [m.event], false);
      break;
    case 'run':
      onRun(m.run);
      break;
    case 'file':
      void files.onDisk(m.path, m.text);
  }
}

function take(id: string, events: Event[], replay: boolean): void {
  const r = store.run.peek();
  if (!r || r.id !== id) return;
  let redraw = replay;
  for (const e of events) {
    const fresh = r.apply(e);
    redraw ||= fresh && e.kind !== 'tick';
    if (fresh && e.verdict) onVerdict(r, replay);
  }
  requestFrame();
  const now = performance.now();
  if (redraw || now - figuresAt > FIGURES_MS || r.series.length === 1) {
    figuresAt = now;
    store.drawn.value++;
  }
}

function onVerdict(r: Run, replay: boolean): void {
  const v = r.verdict!;
  editor?.diagnose(v.diagnostics ?? []);
  const first = v.diagnostics?.[0];
  if (replay) return;
  if (first) {
    store.openFile.value = first.file;
    editor?.reveal(first.file, first.line, first.column);
    store.runTab.value = 'output';
  }
  const o = outcomeOf(v, 'done');
  announce(`Run finished. ${o.title}. ${v.message}`);
}

function onRun(info: RunInfo): void {
  const known = store.runs.peek().some((r) => r.id === info.id);
  upsert(info);
  // A run started in another tab is shown here too, unless an older one is being read.
  const r = store.run.peek();
  const reading = r && !r.verdict && store.active.peek()?.id === r.id;
  if (!known && !reading) watch(info.id);
  if (info.state === 'stopped' || info.state === 'failed') store.drawn.value++;
  if (info.id === r?.id && info.state === 'stopped') announce('Run stopped.');
}

function upsert(info: RunInfo): void {
  const list = store.runs.peek();
  store.runs.value = list.some((r) => r.id === info.id) ? list.map((r) => (r.id === info.id ? info : r)) : [info, ...list];
}

async function refreshRuns(): Promise<void> {
  try {
    store.runs.value = await api.runs();
  } catch (err) {
    if (!(err instanceof Problem)) throw err; // the status bar already says that the server is away
  }
}

// ---- runs

/** Shows a run: its events so far, then those to come. */
export function watch(id: string): void {
  if (store.run.peek()?.id === id) return;
  store.run.value = new Run(id);
  store.drawn.value++;
  requestFrame();
  if (store.connection.peek() === 'online') live.watch();
  else
    api.events(id, 0).then(
      (events) => take(id, events, true),
      () => undefined, // watched again once the connection is back
    );
}

export async function start(answered = false): Promise<void> {
  if (store.active.peek() || store.starting.peek()) return;
  if (store.asksFirst.peek() && !answered) {
    store.diagnosisWanted.value = true;
    store.lessonTab.value = 'lesson';
    store.pane.value = 'lesson';
    return;
  }
  store.diagnosisWanted.value = false;
  store.starting.value = true;
  editor?.diagnose([]);
  try {
    if (!(await files.flush())) {
      tell({ text: 'Your files could not be saved, so the run was not started.', tone: 'bad' });
      return;
    }
    const info = await api.start(store.hypothesis.peek().trim());
    upsert(info);
    store.hypothesis.value = '';
    store.runTab.value = 'live';
    store.pane.value = 'run';
    watch(info.id);
    announce(`Run ${info.number} started.`);
  } catch (err) {
    fail(err);
  } finally {
    store.starting.value = false;
  }
}

export async function stop(): Promise<void> {
  const run = store.active.peek();
  if (!run) return;
  try {
    await api.stop(run.id);
  } catch (err) {
    fail(err);
  }
}

export async function reset(to: string, what: string, path?: string): Promise<void> {
  if (!(await files.flush()) && files.saving.peek().state === 'device') {
    tell({ text: 'The server cannot be reached, so nothing was reset.', tone: 'bad' });
    return;
  }
  try {
    const workspace = await api.reset(to, path);
    files.replace(workspace);
    editor?.diagnose([]);
    const undo = workspace.undo;
    tell({ text: what, action: undo ? { label: 'Undo', run: () => void reset(undo, 'Your files are back as they were.') } : undefined });
  } catch (err) {
    fail(err);
  }
}

// ---- files

/** Formats Go, then saves. */
export async function save(): Promise<void> {
  const path = store.openFile.peek();
  if (path.endsWith('.go') && !files.get(path)?.readOnly && editor) {
    const text = editor.text(path);
    try {
      const answer = await api.format(path, text);
      editor.diagnose([]);
      if (editor.text(path) === text && answer.text !== text) editor.replace(path, answer.text, true);
    } catch (err) {
      if (err instanceof Problem && err.diagnostics.length) editor.diagnose(err.diagnostics);
      else if (!(err instanceof Problem && err.offline)) fail(err);
    }
  }
  await files.flush();
}

export async function addFile(path: string): Promise<void> {
  await files.add(path, path.endsWith('.go') ? 'package main\n' : '');
  store.openFile.value = path;
}

export async function removeFile(path: string): Promise<void> {
  await files.flush();
  const text = files.get(path)?.text ?? '';
  try {
    await files.remove(path);
    tell({
      text: `${path} was deleted.`,
      action: { label: 'Undo', run: () => void files.add(path, text).then(() => (store.openFile.value = path), fail) },
    });
  } catch (err) {
    fail(err);
  }
}

// ---- the lesson

export async function answer(option: number): Promise<void> {
  try {
    const a = await api.diagnose(option);
    store.diagnosis.value = { ...store.diagnosis.peek(), answered: option, ...a };
  } catch (err) {
    fail(err);
  }
}

export async function openHint(n: number): Promise<void> {
  try {
    const h = await api.hint(n);
    if (store.hints.peek().length === n - 1) store.hints.value = [...store.hints.peek(), h];
  } catch (err) {
    fail(err);
  }
}

export async function revealSolution(): Promise<void> {
  try {
    store.solution.value = await api.solution();
  } catch (err) {
    fail(err);
  }
}
