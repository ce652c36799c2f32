// The status bar: is my text safe, where am I, is the server there.
import { copyFolder, files, live } from '../actions';
import { count } from '../format';
import { boot, connection, cursor, followRun } from '../store';
import { Icon } from './icon';

const SAVING = {
  saved: { icon: 'check', text: 'Saved', tone: '' },
  unsaved: { icon: 'circle-dot', text: 'Unsaved', tone: '' },
  saving: { icon: 'circle-dot', text: 'Saving', tone: '' },
  device: { icon: 'hard-drive', text: 'Kept on this device', tone: 'warn' },
  refused: { icon: 'triangle-alert', text: 'Not saved', tone: 'bad' },
} as const;

const CONNECTION = {
  connecting: { icon: 'wifi', text: 'Connecting', tone: '' },
  online: { icon: 'wifi', text: 'Connected', tone: '' },
  reconnecting: { icon: 'wifi-off', text: 'Reconnecting', tone: 'warn' },
  offline: { icon: 'wifi-off', text: 'Offline', tone: 'bad' },
} as const;

export function StatusBar() {
  const s = SAVING[files.saving.value.state];
  const c = CONNECTION[connection.value];
  const plan = followRun()?.plan;
  return (
    <>
      <span class={s.tone} title={files.saving.value.detail || undefined}>
        <Icon name={s.icon} />
        {s.text}
        {files.saving.value.state === 'refused' && `: ${files.saving.value.detail}`}
      </span>
      <span class="number">
        Ln {cursor.value.line}, Col {cursor.value.column}
      </span>
      <span class="wide">Tab indents, Esc then Tab leaves the editor</span>
      <button type="button" class="folder wide" title={`Copy ${boot.workspace.folder}. Edits made there with another editor appear here.`} onClick={() => void copyFolder()}>
        <Icon name="folder" />
        <span class="hidden">Copy the path of your folder: </span>
        <bdi>{boot.workspace.folder}</bdi>
      </button>
      <span class="grow" />
      {plan && <span class="number wide">{count(plan.rate)} req/s a side</span>}
      <span class={boot.isolated ? '' : 'warn'} title={boot.isolated ? 'Your service runs in a sandbox.' : 'Your service runs as you, on this machine, without a sandbox.'}>{!boot.isolated && <Icon name="triangle-alert" />}{boot.isolated ? 'Isolated' : 'Not isolated'}</span>
      <span class="wide">{boot.go.replace(/^go/, 'Go ')}</span>
      <span class={c.tone}>
        <Icon name={c.icon} />
        {c.text}
        {connection.value === 'offline' && (
          <button type="button" class="link" onClick={() => live.retry()}>
            Try now
          </button>
        )}
      </span>
    </>
  );
}
