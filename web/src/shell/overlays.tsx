// What lies over the page: one dialog at a time, a question, a short notice.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { addFile, files } from '../actions';
import { Problem } from '../api';
import { DistributionTable, LatencyTable } from '../run/tables';
import { ComparedRuns } from '../run/why';
import { overlay, question, toast, type Question, type Toast } from '../store';
import { Dialog } from './dialog';
import { Icon } from './icon';
import { Palette } from './palette';

const NOTICE_MS = 8000;

export function Overlays() {
  const o = overlay.value;
  return (
    <>
      {o === 'palette' && <Palette />}
      {o === 'add-file' && <AddFile />}
      {o === 'latency-table' && <LatencyTable />}
      {o === 'distribution-table' && <DistributionTable />}
      <ComparedRuns />
      {question.value && <Ask q={question.value} />}
      <div class="notices" role="status">
        {toast.value && <Notice key={toast.value.text} notice={toast.value} />}
      </div>
    </>
  );
}

function Notice({ notice }: { notice: Toast }) {
  const close = () => {
    if (toast.peek() === notice) toast.value = null;
  };
  useEffect(() => {
    const id = setTimeout(close, NOTICE_MS);
    return () => clearTimeout(id);
  }, [notice]);
  const { action } = notice;
  return (
    <div class={notice.tone === 'bad' ? 'notice bad' : 'notice'}>
      {notice.tone === 'bad' && <Icon name="triangle-alert" />}
      <span>{notice.text}</span>
      {action && (
        <button
          type="button"
          class="link"
          onClick={() => {
            close();
            action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" class="icon-button small" aria-label="Dismiss" onClick={close}>
        <Icon name="x" />
      </button>
    </div>
  );
}

function Ask({ q }: { q: Question }) {
  return (
    <Dialog label={q.title} kind="question" onClose={() => q.answer(true)}>
      <h2>{q.title}</h2>
      <p>{q.text}</p>
      <p class="buttons">
        <button type="button" class="button" onClick={() => q.answer(false)}>
          {q.no}
        </button>
        <button type="button" class="button primary" onClick={() => q.answer(true)}>
          {q.yes}
        </button>
      </p>
    </Dialog>
  );
}

/** The next free number in migrations/, as the starter's own are named. */
export function nextMigration(paths: string[]): string | null {
  const numbers = paths.map((p) => /^migrations\/(\d+)/.exec(p)?.[1]).filter((n) => n !== undefined);
  if (!numbers.length) return null;
  const width = Math.max(...numbers.map((n) => n.length));
  return `migrations/${String(Math.max(...numbers.map(Number)) + 1).padStart(width, '0')}_`;
}

function AddFile() {
  const paths = files.list.value.map((f) => f.path);
  const path = useSignal(nextMigration(paths) ?? '');
  const refused = useSignal('');
  const close = () => (overlay.value = null);
  const submit = async (e: Event) => {
    e.preventDefault();
    const name = path.value.trim();
    if (paths.includes(name)) {
      refused.value = 'There is a file of that name.';
      return;
    }
    try {
      await addFile(name);
      close();
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      refused.value = err.message;
    }
  };
  return (
    <Dialog label="Add a file" kind="question" onClose={close}>
      <form onSubmit={(e) => void submit(e)}>
        <h2>Add a file</h2>
        <label>
          Name
          <input
            type="text"
            required
            autocomplete="off"
            spellcheck={false}
            pattern="[\w.\-]+(/[\w.\-]+)*\.(go|sql)"
            title="A .go file, or a .sql file in a folder that you may edit"
            aria-describedby="add-file-note"
            value={path.value}
            onInput={(e) => {
              path.value = e.currentTarget.value;
              refused.value = '';
            }}
          />
        </label>
        <p id="add-file-note" class={refused.value ? 'worse' : 'quiet'} role={refused.value ? 'alert' : undefined}>
          {refused.value || 'A Go file beside the others, or a migration such as migrations/002_index.sql.'}
        </p>
        <p class="buttons">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Add
          </button>
        </p>
      </form>
    </Dialog>
  );
}
