// Compiler errors in the text: a wavy underline, a dot in the gutter, and the
// message under its line.
import { setDiagnostics, type Diagnostic as Lint } from '@codemirror/lint';
import { StateEffect, StateField, type EditorState, type Extension, type TransactionSpec } from '@codemirror/state';
import { Decoration, EditorView, WidgetType, type DecorationSet } from '@codemirror/view';
import type { Diagnostic } from '../wire/verdict';

class Message extends WidgetType {
  constructor(private readonly text: string) {
    super();
  }
  override eq(other: Message): boolean {
    return other.text === this.text;
  }
  override toDOM(): HTMLElement {
    const line = document.createElement('div');
    line.className = 'error-line';
    line.textContent = this.text;
    return line;
  }
}

const setMessages = StateEffect.define<{ at: number; text: string }[]>();

const messages = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(set, tr) {
    for (const e of tr.effects) {
      if (e.is(setMessages)) {
        return Decoration.set(e.value.map((m) => Decoration.widget({ widget: new Message(m.text), block: true, side: 1 }).range(m.at)), true);
      }
    }
    return set.map(tr.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export const errorLines: Extension = messages;

/** A transaction that shows these errors and no others. */
export function showErrors(state: EditorState, found: Diagnostic[]): TransactionSpec {
  const lints: Lint[] = [];
  const lines = [];
  for (const d of found) {
    const { line, from } = place(state, d);
    const word = /^[\p{L}\p{N}_]+/u.exec(state.doc.sliceString(from, line.to));
    lints.push({ from, to: Math.min(line.to, from + (word?.[0].length ?? 1)), severity: 'error', message: d.message });
    lines.push({ at: line.to, text: d.message });
  }
  const spec = setDiagnostics(state, lints);
  return { ...spec, effects: [spec.effects ?? [], setMessages.of(lines)].flat() };
}

/** Where a message points. Go counts columns in bytes, the editor in UTF-16 units. */
export function place(state: EditorState, d: { line: number; column: number }) {
  const line = state.doc.line(Math.max(1, Math.min(d.line || 1, state.doc.lines)));
  const bytes = new TextEncoder().encode(line.text).slice(0, Math.max(0, d.column - 1));
  return { line, from: Math.min(line.to, line.from + new TextDecoder().decode(bytes).length) };
}
