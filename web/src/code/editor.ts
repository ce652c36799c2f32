// The code editor, loaded after the page. One view; each file keeps its own
// state, with its history and its cursor.
import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language';
import { lintGutter } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { search, searchKeymap } from '@codemirror/search';
import { Annotation, Compartment, EditorState, type Extension, type TransactionSpec } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import type { Diagnostic } from '../wire/verdict';
import { asText, changesAgainst } from './changes';
import { costs, showCosts, type Cost } from './cost';
import { errorLines, place, showErrors } from './errors';
import type { FileState } from './files';
import { highlighting, languageOf, theme } from './language';

export interface EditorOptions {
  nonce: string;
  onEdit: (path: string, read: () => string) => void;
  onCursor: (line: number, column: number) => void;
  run: () => void;
  save: () => void;
}

/** Marks a change that came from elsewhere, so that it is not saved again. */
const external = Annotation.define<boolean>();

export class Editor {
  private readonly view: EditorView;
  private readonly states = new Map<string, EditorState>();
  private readonly starters = new Map<string, string>();
  private readonly diff = new Compartment();
  private diffing = false;
  private path = '';

  constructor(
    parent: HTMLElement,
    private readonly options: EditorOptions,
  ) {
    parent.replaceChildren();
    this.view = new EditorView({ parent, extensions: EditorView.cspNonce.of(options.nonce) });
  }

  /** Shows a file; a file that was open before keeps its history. */
  open(file: FileState): void {
    if (file.path === this.path) return;
    this.keep();
    this.path = file.path;
    this.starters.set(file.path, file.starter);
    const state = this.states.get(file.path) ?? this.create(file);
    this.view.setState(state);
    this.applyDiff();
    this.tellCursor();
  }

  close(path: string): void {
    this.states.delete(path);
    if (this.path === path) this.path = '';
  }

  text(path: string): string {
    return this.state(path)?.doc.toString() ?? '';
  }

  /** Puts another text in, touching only what differs so that cursor and history survive. */
  replace(path: string, text: string, edit = false): void {
    const state = this.state(path);
    if (!state) return;
    const old = state.doc.toString();
    if (old === text) return;
    let from = 0;
    while (from < old.length && from < text.length && old[from] === text[from]) from++;
    let end = 0;
    while (end < old.length - from && end < text.length - from && old[old.length - 1 - end] === text[text.length - 1 - end]) end++;
    this.dispatch(path, {
      changes: { from, to: old.length - end, insert: text.slice(from, text.length - end) },
      annotations: edit ? [] : external.of(true),
    });
  }

  /** Shows these errors, each in its file, and no others. */
  diagnose(found: Diagnostic[]): void {
    for (const path of new Set([this.path, ...this.states.keys()])) {
      const state = this.state(path);
      if (state) this.dispatch(path, showErrors(state, found.filter((d) => d.file === path)));
    }
  }

  /** Shows what lines of a file cost. */
  heat(path: string, of: Cost[]): void {
    if (this.state(path)) this.dispatch(path, showCosts(of));
  }

  /** Puts the cursor at a line and column (from 1), once the file is open. */
  reveal(path: string, line: number, column: number): void {
    if (path !== this.path) return;
    const at = place(this.view.state, { line, column });
    this.view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: 'center' }) });
  }

  showDiff(on: boolean): void {
    this.diffing = on;
    this.applyDiff();
  }

  focus(): void {
    this.view.focus();
  }

  private state(path: string): EditorState | undefined {
    return path === this.path ? this.view.state : this.states.get(path);
  }

  private keep(): void {
    if (this.path) this.states.set(this.path, this.view.state);
  }

  private dispatch(path: string, spec: TransactionSpec): void {
    if (path === this.path) this.view.dispatch(spec);
    else this.states.set(path, this.states.get(path)!.update(spec).state);
  }

  private applyDiff(): void {
    const original = asText(this.starters.get(this.path) ?? '');
    this.view.dispatch({
      effects: this.diff.reconfigure(this.diffing ? unifiedMergeView({ original, mergeControls: false, gutter: false, highlightChanges: false }) : []),
    });
  }

  private tellCursor(): void {
    const { head } = this.view.state.selection.main;
    const line = this.view.state.doc.lineAt(head);
    this.options.onCursor(line.number, head - line.from + 1);
  }

  private create(file: FileState): EditorState {
    const command = (f: () => void) => () => {
      f();
      return true;
    };
    return EditorState.create({
      doc: file.text,
      extensions: [
        EditorView.cspNonce.of(this.options.nonce),
        file.readOnly ? [EditorState.readOnly.of(true), EditorView.editable.of(true)] : [],
        errorLines,
        lintGutter(),
        lineNumbers(),
        costs,
        changesAgainst(file.starter),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        drawSelection(),
        highlightSpecialChars(),
        history(),
        bracketMatching(),
        indentOnInput(),
        indentUnit.of('\t'),
        EditorState.tabSize.of(4),
        closeBrackets(),
        search({ top: true }),
        languageOf(file.path),
        theme,
        highlighting,
        this.diff.of([]),
        EditorView.contentAttributes.of({
          tabindex: '0',
          'aria-label': `Code editor, ${file.path}${file.readOnly ? ', read only' : ''}. Tab indents; press Escape then Tab to leave.`,
        }),
        keymap.of([
          { key: 'Mod-Enter', run: command(this.options.run) },
          { key: 'Shift-Enter', run: command(this.options.run) },
          { key: 'Mod-s', run: command(this.options.save) },
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          ...searchKeymap,
          indentWithTab,
        ]),
        EditorView.updateListener.of((u) => {
          if (u.selectionSet || u.docChanged) this.tellCursor();
          if (!u.docChanged || u.transactions.some((tr) => tr.annotation(external))) return;
          this.options.onEdit(file.path, () => this.text(file.path));
        }),
      ],
    });
  }
}

/** A read-only view of what one text changes in another. Returns its removal. */
export function mountDiff(parent: HTMLElement, options: { path: string; before: string; after: string; nonce: string }): () => void {
  const extensions: Extension[] = [
    EditorView.cspNonce.of(options.nonce),
    EditorState.readOnly.of(true),
    EditorState.tabSize.of(4),
    lineNumbers(),
    EditorView.lineWrapping,
    languageOf(options.path),
    theme,
    highlighting,
    EditorView.contentAttributes.of({ 'aria-label': `Changes in ${options.path}`, tabindex: '0' }),
    unifiedMergeView({
      original: asText(options.before),
      mergeControls: false,
      gutter: false,
      highlightChanges: false,
      collapseUnchanged: { margin: 2, minSize: 4 },
    }),
  ];
  const view = new EditorView({ parent, doc: options.after, extensions });
  return () => view.destroy();
}
