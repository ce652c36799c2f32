// The palette: every command, file and challenge, by typing a few letters.
import { useSignal } from '@preact/signals';
import { copyFolder, files, reset, save, start, stop, theEditor } from '../actions';
import { active, boot, lessonTab, openFile, overlay, pane, runTab, showDiff } from '../store';
import { Dialog } from './dialog';
import { Icon } from './icon';
import { SHORTCUTS } from './keys';
import { matches } from './match';
import { toggleTheme } from './theme-button';

interface Entry {
  icon: string;
  text: string;
  keys?: string[];
  run: () => void;
}

function entries(): Entry[] {
  const show = (tab: typeof lessonTab.value) => () => {
    lessonTab.value = tab;
    pane.value = 'lesson';
  };
  const panel = (tab: typeof runTab.value) => () => {
    runTab.value = tab;
    pane.value = 'run';
  };
  return [
    active.value ? { icon: 'square', text: 'Stop the run', run: () => void stop() } : { icon: 'play', text: 'Run', keys: SHORTCUTS.run, run: () => void start() },
    { icon: 'check', text: 'Format and save', keys: SHORTCUTS.save, run: () => void save() },
    { icon: 'git-compare', text: 'Show or hide changes against the starter', keys: SHORTCUTS.diff, run: () => (showDiff.value = !showDiff.peek()) },
    {
      icon: 'code',
      text: 'Go to the editor',
      keys: SHORTCUTS.editor,
      run: () => {
        pane.value = 'code';
        // The dialog gives focus back when it closes; the editor takes it after that.
        setTimeout(() => theEditor()?.focus());
      },
    },
    { icon: 'plus', text: 'Add a file', run: () => (overlay.value = 'add-file') },
    { icon: 'folder', text: "Copy the folder's path, for your own editor", run: () => void copyFolder() },
    { icon: 'rotate-ccw', text: 'Reset all files to the starter', run: () => void reset('starter', "All files are the starter's again.") },
    { icon: 'book-open', text: 'Show the lesson', run: show('lesson') },
    { icon: 'history', text: 'Show all runs', run: show('runs') },
    { icon: 'eye', text: 'Show the solution', run: show('solution') },
    { icon: 'activity', text: 'Show live figures', run: panel('live') },
    { icon: 'flame', text: 'Show the profile', run: panel('profile') },
    { icon: 'database', text: 'Show queries and their plans', run: panel('queries') },
    { icon: 'gauge', text: 'Show counters', run: panel('counters') },
    { icon: 'terminal', text: 'Show output', run: panel('output') },
    { icon: 'sun', text: 'Switch between dark and light', run: toggleTheme },
    ...files.list.value.map((f) => ({
      icon: 'file',
      text: `Open ${f.path}`,
      run: () => {
        openFile.value = f.path;
        pane.value = 'code';
      },
    })),
    { icon: 'list', text: 'All challenges', run: () => location.assign('/') },
    ...boot.challenges.filter((c) => c.slug !== boot.slug).map((c) => ({ icon: 'gauge', text: c.title, run: () => location.assign(`/challenges/${c.slug}`) })),
  ];
}

export function Palette() {
  const typed = useSignal('');
  const at = useSignal(0);
  const close = () => (overlay.value = null);
  const found = matches(typed.value, entries(), (e) => e.text);
  const selected = Math.min(at.value, Math.max(0, found.length - 1));
  const run = (e: Entry | undefined) => {
    close();
    e?.run();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) {
      e.preventDefault();
      at.value = (selected + step + found.length) % Math.max(1, found.length);
      document.getElementById(`palette-${at.value}`)?.scrollIntoView({ block: 'nearest' });
    } else if (e.key === 'Enter') {
      e.preventDefault();
      e.stopPropagation();
      run(found[selected]);
    }
  };
  return (
    <Dialog label="Search and commands" kind="palette" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="Search challenges, files and commands"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-activedescendant={found.length ? `palette-${selected}` : undefined}
        placeholder="Search challenges, files and commands"
        autocomplete="off"
        spellcheck={false}
        value={typed.value}
        onInput={(e) => {
          typed.value = e.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" role="listbox" aria-label="Results">
        {found.map((e, i) => (
          <li key={e.text} id={`palette-${i}`} role="option" aria-selected={i === selected} onClick={() => run(e)} onPointerMove={() => (at.value = i)}>
            <Icon name={e.icon} />
            {e.text}
            {e.keys && (
              <span class="keys">
                {e.keys.map((k) => (
                  <kbd key={k}>{k}</kbd>
                ))}
              </span>
            )}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="quiet">Nothing matches.</p>}
    </Dialog>
  );
}
