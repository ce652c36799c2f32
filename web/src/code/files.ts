// The learner's files: what is typed here, what the server has, and what is
// kept on this device while the server is away. It knows neither the editor nor
// the page.
import { computed, signal, type ReadonlySignal } from '@preact/signals';
import { Problem, type Api } from '../api';
import type { File, Workspace } from '../wire/server';

export interface FileState {
  path: string;
  starter: string;
  readOnly: boolean;
  added: boolean;
  text: string; // what the editor shows
  saved: string; // what the server has, as far as is known
}

export type Saving = { state: 'saved' | 'unsaved' | 'saving' | 'device' | 'refused'; detail: string };
export type Choice = 'mine' | 'theirs';

export interface FilesOptions {
  api: Pick<Api, 'save' | 'remove'>;
  drafts: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  slug: string;
  /** Shows a text that did not come from the editor. */
  show: (path: string, text: string) => void;
  /** Asks which of two versions of a file to keep. */
  choose: (path: string, theirs: string | null) => Promise<Choice>;
  after: (ms: number, f: () => void) => () => void;
}

const AUTOSAVE_MS = 400;
const RETRY_MS = 4000;
const PASSING = [429, 503, 507]; // too many requests, busy, no room: worth another try

export class Files {
  readonly list = signal<FileState[]>([]);
  readonly saving = signal<Saving>({ state: 'saved', detail: '' });
  readonly changed: ReadonlySignal<number> = computed(() => this.list.value.filter((f) => f.text !== f.starter || f.added).length);
  private readonly unread = new Map<string, () => string>();
  private readonly sent = new Map<string, string[]>(); // to know our own writes when they come back as changes on disk
  private readonly asking = new Set<string>();
  private cancel: (() => void) | null = null;
  private busy: Promise<void> = Promise.resolve();

  constructor(private readonly options: FilesOptions) {}

  get(path: string): FileState | undefined {
    return this.list.peek().find((f) => f.path === path);
  }

  /** Takes the server's workspace, and any draft that a lost connection left on this device. */
  async load(workspace: Workspace): Promise<void> {
    this.list.value = workspace.files.map(asState);
    for (const f of workspace.files) {
      const draft = this.draft(f.path);
      if (!draft) continue;
      if (draft.text === f.text || f.read_only) {
        this.dropDraft(f.path);
      } else if (draft.base === f.text || (await this.ask(f.path, f.text, draft.text)) === 'mine') {
        this.patch(f.path, { text: draft.text });
        this.options.show(f.path, draft.text);
        this.schedule();
      } else {
        this.dropDraft(f.path);
      }
    }
  }

  /** Replaces everything with the server's answer to a reset. */
  replace(workspace: Workspace): void {
    this.unread.clear();
    this.list.value = workspace.files.map(asState);
    for (const f of workspace.files) {
      this.dropDraft(f.path);
      this.options.show(f.path, f.text);
    }
    this.saving.value = { state: 'saved', detail: '' };
  }

  /** Notes an edit; the text is read only when it is saved. */
  edit(path: string, read: () => string): void {
    this.unread.set(path, read);
    if (this.saving.peek().state !== 'unsaved') this.saving.value = { state: 'unsaved', detail: '' };
    this.schedule();
  }

  /** Saves what is not saved; resolves to whether the server now has everything. */
  async flush(): Promise<boolean> {
    this.cancel?.();
    this.cancel = null;
    this.readEdits();
    this.busy = this.busy.then(() => this.saveAll());
    await this.busy;
    return this.list.peek().every((f) => f.readOnly || f.text === f.saved);
  }

  async add(path: string, text: string): Promise<void> {
    await this.options.api.save(path, text);
    this.remember(path, text);
    if (!this.get(path)) this.append(path, text);
  }

  async remove(path: string): Promise<void> {
    await this.options.api.remove(path);
    this.forget(path);
  }

  /** A file was changed (or removed: null) by another program or another tab. */
  async onDisk(path: string, text: string | null): Promise<void> {
    this.readEdits();
    const f = this.get(path);
    if (!f) {
      if (text !== null) this.append(path, text);
      return;
    }
    if (text !== null && (text === f.text || this.sent.get(path)?.includes(text))) {
      if (text === f.text) this.patch(path, { saved: text });
      return;
    }
    if (text === f.saved) return;
    if (f.text !== f.saved && (await this.ask(path, text)) === 'mine') {
      // What is on disk is now the base; saving puts this version over it.
      this.patch(path, { saved: text ?? '' });
      this.schedule();
      return;
    }
    if (text === null) {
      if (f.added) this.forget(path);
      return;
    }
    this.unread.delete(path);
    this.dropDraft(path);
    this.patch(path, { text, saved: text });
    this.options.show(path, text);
  }

  private append(path: string, text: string): void {
    this.list.value = [...this.list.peek(), { path, starter: '', readOnly: false, added: true, text, saved: text }];
    this.options.show(path, text); // a file of that name may have been open before
  }

  private async ask(path: string, theirs: string | null, mine?: string): Promise<Choice> {
    if (this.asking.has(path)) return 'mine';
    this.asking.add(path);
    if (mine !== undefined) this.options.show(path, mine);
    const choice = await this.options.choose(path, theirs);
    this.asking.delete(path);
    this.readEdits();
    return choice;
  }

  private schedule(ms = AUTOSAVE_MS): void {
    this.cancel?.();
    this.cancel = this.options.after(ms, () => void this.flush());
  }

  private readEdits(): void {
    for (const [path, read] of this.unread) this.patch(path, { text: read() });
    this.unread.clear();
  }

  private async saveAll(): Promise<void> {
    const waiting = this.list.peek().filter((f) => !f.readOnly && f.text !== f.saved && !this.asking.has(f.path));
    if (waiting.length) this.saving.value = { state: 'saving', detail: '' };
    for (const { path, text } of waiting) {
      this.remember(path, text);
      try {
        await this.options.api.save(path, text);
      } catch (err) {
        this.onFailure(path, err);
        return;
      }
      this.patch(path, { saved: text });
      this.dropDraft(path);
    }
    if (this.unread.size === 0) this.saving.value = { state: 'saved', detail: '' };
  }

  private onFailure(path: string, err: unknown): void {
    const said = err instanceof Problem && !err.offline ? err : null;
    for (const f of this.list.peek()) if (f.text !== f.saved) this.keepDraft(f);
    if (said && !PASSING.includes(said.status)) {
      this.saving.value = { state: 'refused', detail: `${path}: ${said.message}` };
      return;
    }
    this.saving.value = { state: 'device', detail: `${said?.message ?? 'The server cannot be reached.'} The text is kept on this device and saved again in a moment.` };
    this.schedule(RETRY_MS);
  }

  private remember(path: string, text: string): void {
    this.sent.set(path, [...(this.sent.get(path) ?? []), text].slice(-8));
  }

  private forget(path: string): void {
    this.unread.delete(path);
    this.sent.delete(path);
    this.dropDraft(path);
    this.list.value = this.list.peek().filter((f) => f.path !== path);
  }

  private patch(path: string, change: Partial<FileState>): void {
    this.list.value = this.list.peek().map((f) => (f.path === path ? { ...f, ...change } : f));
  }

  private key(path: string): string {
    return `draft:${this.options.slug}:${path}`;
  }

  private draft(path: string): { text: string; base: string } | null {
    try {
      const kept = JSON.parse(this.options.drafts.getItem(this.key(path)) ?? 'null') as { text?: unknown; base?: unknown } | null;
      return kept && typeof kept.text === 'string' && typeof kept.base === 'string' ? { text: kept.text, base: kept.base } : null;
    } catch {
      return null; // not ours, or storage is off
    }
  }

  private keepDraft(f: FileState): void {
    try {
      this.options.drafts.setItem(this.key(f.path), JSON.stringify({ text: f.text, base: f.saved }));
    } catch {
      this.saving.value = { state: 'refused', detail: 'This device has no room for a draft. Copy your text before you leave the page.' };
    }
  }

  private dropDraft(path: string): void {
    try {
      this.options.drafts.removeItem(this.key(path));
    } catch {
      // Storage is off: then there is no draft either.
    }
  }
}

function asState(f: File): FileState {
  return { path: f.path, starter: f.starter, readOnly: f.read_only, added: f.added, text: f.text, saved: f.text };
}
