// The challenge page: puts the islands into what the server has drawn.
import { render, type ComponentChild } from 'preact';
import { effect } from '@preact/signals';
import { attach, files, live, save, start, watch } from './actions';
import { mountAddress, openTab, wanted } from './address';
import { CodeBar } from './code/bar';
import { LessonBar } from './lesson/bar';
import { DiagnosisCard } from './lesson/diagnosis';
import { Hints } from './lesson/hints';
import { Runs } from './lesson/runs';
import { SolutionPanel } from './lesson/solution';
import { RunPanel } from './run/panel';
import { recall, remember } from './settings';
import { BottomBar } from './shell/bottom';
import { mountKeys } from './shell/keys';
import { Overlays } from './shell/overlays';
import { mountSplitters } from './shell/splitter';
import { StatusBar } from './shell/status';
import { mountThemeButton } from './shell/theme-button';
import { boot, cursor, openFile, overlay, pane, runs, showDiff } from './store';
import './styles/challenge.css';

files.list.value = boot.workspace.files.map((f) => ({ path: f.path, starter: f.starter, readOnly: f.read_only, added: f.added, text: f.text, saved: f.text }));

const paths = boot.workspace.files.map((f) => f.path);
const fileKey = `file:${boot.slug}`;
openFile.value = [wanted.get('file'), recall(fileKey), boot.open].find((p) => p && paths.includes(p)) ?? paths[0] ?? '';
openTab(wanted.get('tab'));

const islands: [string, ComponentChild][] = [
  ['lesson-bar', <LessonBar />],
  ['diagnosis', <DiagnosisCard />],
  ['hints', <Hints />],
  ['runs-panel', <Runs />],
  ['solution-panel', <SolutionPanel />],
  ['code-bar', <CodeBar />],
  ['run', <RunPanel />],
  ['status', <StatusBar />],
  ['bottom', <BottomBar />],
  ['overlays', <Overlays />],
];
for (const [id, island] of islands) {
  const el = document.getElementById(id)!;
  el.replaceChildren();
  render(island, el);
}

mountThemeButton();
mountSplitters();
mountAddress();
document.getElementById('find')!.onclick = () => (overlay.value = 'palette');

const shown = wanted.get('run') ?? runs.value[0]?.id;
if (shown && runs.value.some((r) => r.id === shown)) watch(shown);
live.open();
addEventListener('online', () => live.retry());
addEventListener('pagehide', () => void files.flush());

import('./code/editor').then(
  ({ Editor }) => mountEditor(new Editor(document.getElementById('editor')!, editorOptions)),
  () => {
    document.getElementById('editor')!.innerHTML = '<p class="waiting">The editor could not be loaded. Check the connection, then reload the page.</p>';
  },
);

const editorOptions = {
  nonce: document.body.dataset.nonce ?? '',
  onEdit: (path: string, read: () => string) => files.edit(path, read),
  onCursor: (line: number, column: number) => {
    cursor.value = { line, column };
    remember(`cursor:${boot.slug}:${openFile.peek()}`, `${line}:${column}`);
  },
  run: () => void start(),
  save: () => void save(),
};

function mountEditor(editor: InstanceType<typeof import('./code/editor').Editor>): void {
  attach(editor);
  const placed = new Set<string>();
  effect(() => {
    const path = openFile.value;
    const file = files.list.value.find((f) => f.path === path);
    if (!file) {
      editor.close(path);
      openFile.value = files.list.peek()[0]?.path ?? '';
      return;
    }
    const kept = recall(`cursor:${boot.slug}:${path}`);
    editor.open(file);
    remember(fileKey, path);
    if (placed.has(path)) return;
    placed.add(path);
    const [line, column] = (kept ?? '1:1').split(':').map(Number);
    editor.reveal(path, line || 1, column || 1);
  });
  effect(() => editor.showDiff(showDiff.value));
  void import('./code/heat').then(({ mountHeat }) => mountHeat(editor));
  mountKeys(() => {
    pane.value = 'code';
    editor.focus();
  });
  void files.load(boot.workspace);
}
