// The bar over the editor: file tabs, then what one can do with the files.
import { removeFile, reset, start, stop } from '../actions';
import { ago } from '../format';
import { Icon } from '../shell/icon';
import { MOD } from '../shell/keys';
import { Menu, type MenuItem } from '../shell/menu';
import { Tabs } from '../shell/tabs';
import { active, openFile, overlay, runs, showDiff, starting } from '../store';
import { files } from '../actions';
import type { FileState } from './files';

function label(f: FileState) {
  const changed = f.text !== f.starter;
  return (
    <>
      {f.path}
      {f.readOnly && (
        <span title="Read only">
          <Icon name="lock" />
          <span class="hidden">, read only</span>
        </span>
      )}
      {!f.readOnly && changed && (
        <span class="dot" title={f.added ? 'Added' : 'Changed from the starter'}>
          <span class="hidden">{f.added ? ', added' : ', changed from the starter'}</span>
        </span>
      )}
    </>
  );
}

function resetItems(path: string): MenuItem[] {
  const f = files.list.value.find((x) => x.path === path);
  const now = new Date();
  return [
    ...(f && !f.added && !f.readOnly ? [{ label: `${path} to the starter`, run: () => void reset('starter', `${path} is the starter's again.`, path) }] : []),
    { label: 'All files to the starter', run: () => void reset('starter', "All files are the starter's again.") },
    ...runs.value.slice(0, 5).map((r) => ({
      label: `All files to run ${r.number}`,
      note: ago(new Date(r.created_at), now),
      run: () => void reset(r.id, `Your files are those of run ${r.number}.`),
    })),
  ];
}

export function CodeBar() {
  const list = files.list.value;
  const path = openFile.value;
  const current = list.find((f) => f.path === path);
  return (
    <>
      <Tabs
        prefix="file"
        label="Files"
        kind="file"
        selected={path}
        onSelect={(id) => (openFile.value = id)}
        tabs={list.map((f) => ({ id: f.path, label: label(f), controls: 'editor' }))}
      />
      <button type="button" class="icon-button" aria-label="Add a file" title="Add a file" onClick={() => (overlay.value = 'add-file')}>
        <Icon name="plus" />
      </button>
      <div class="grow" />
      <div class="actions">
        {current?.added && (
          <button type="button" class="icon-button" aria-label={`Delete ${path}`} title={`Delete ${path}`} onClick={() => void removeFile(path)}>
            <Icon name="trash-2" />
          </button>
        )}
        <button
          type="button"
          class="icon-button"
          aria-pressed={showDiff.value}
          aria-label="Show changes against the starter"
          title="Show changes against the starter"
          onClick={() => (showDiff.value = !showDiff.value)}
        >
          <Icon name="git-compare" />
        </button>
        <Menu icon="rotate-ccw" label="Reset files" items={resetItems(path)} />
        <span class="rule" />
        <RunButton />
      </div>
    </>
  );
}

export function RunButton() {
  const running = active.value;
  if (running) {
    return (
      <button type="button" class="button run-button" onClick={() => void stop()}>
        <Icon name="square" />
        Stop
      </button>
    );
  }
  return (
    <button type="button" class="button primary run-button" disabled={starting.value} onClick={() => void start()}>
      <Icon name="play" />
      Run
      <kbd>{MOD} ↵</kbd>
    </button>
  );
}
