// The address holds the view: file, run and tab, so that a link shows the same.
import { effect } from '@preact/signals';
import { lessonTab, openFile, pane, run, runTab, type LessonTab, type RunTab } from './store';

const LESSON_TABS: readonly string[] = ['lesson', 'runs', 'solution'] satisfies LessonTab[];
const RUN_TABS: readonly string[] = ['live', 'profile', 'queries', 'counters', 'output'] satisfies RunTab[];

/** Opens a tab by its name; both panes share one space of names. */
export function openTab(name: string | null): void {
  if (!name) return;
  if (LESSON_TABS.includes(name)) lessonTab.value = name as LessonTab;
  if (RUN_TABS.includes(name)) {
    runTab.value = name as RunTab;
    pane.value = 'run';
  }
}

export const wanted = new URLSearchParams(location.search);

/** Keeps the address in step, and follows links such as #panel=live in lessons. */
export function mountAddress(): void {
  effect(() => {
    const url = new URL(location.href);
    const set = (key: string, value: string | undefined) => (value ? url.searchParams.set(key, value) : url.searchParams.delete(key));
    set('file', openFile.value);
    set('run', run.value?.id);
    set('tab', runTab.value === 'live' ? (lessonTab.value === 'lesson' ? undefined : lessonTab.value) : runTab.value);
    if (url.href !== location.href) history.replaceState(null, '', url);
  });
  document.addEventListener('click', (e) => {
    const link = (e.target as Element).closest?.('a[href^="#panel="]');
    if (!link) return;
    e.preventDefault();
    openTab(link.getAttribute('href')!.slice('#panel='.length));
  });
}
