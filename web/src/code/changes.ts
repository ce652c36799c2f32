// The bar beside each line that differs from the starter.
import { Chunk } from '@codemirror/merge';
import { RangeSet, StateEffect, StateField, Text, type Extension } from '@codemirror/state';
import { gutter, GutterMarker, ViewPlugin, type EditorView, type ViewUpdate } from '@codemirror/view';

const REDIFF_MS = 250;

const mark = new (class extends GutterMarker {
  override toDOM(): Node {
    const bar = document.createElement('div');
    bar.className = 'mark';
    return bar;
  }
})();

const rediff = StateEffect.define<null>();

/** Text as CodeMirror holds it, whatever line ends the file has. */
export function asText(s: string): Text {
  return Text.of(s.split(/\r\n?|\n/));
}

export function changesAgainst(starter: string): Extension {
  const original = asText(starter);
  const marks = (doc: Text) => {
    const at: number[] = [];
    for (const chunk of Chunk.build(original, doc)) {
      for (let pos = chunk.fromB; pos < chunk.toB && pos <= doc.length; ) {
        const line = doc.lineAt(pos);
        at.push(line.from);
        pos = line.to + 1;
      }
    }
    return RangeSet.of(at.map((pos) => mark.range(pos)));
  };
  const field = StateField.define<RangeSet<GutterMarker>>({
    create: (state) => marks(state.doc),
    update: (set, tr) => (tr.effects.some((e) => e.is(rediff)) ? marks(tr.newDoc) : set.map(tr.changes)),
  });
  const later = ViewPlugin.fromClass(
    class {
      private timer: ReturnType<typeof setTimeout> | undefined;
      constructor(private readonly view: EditorView) {}
      update(u: ViewUpdate): void {
        if (!u.docChanged) return;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.view.dispatch({ effects: rediff.of(null) }), REDIFF_MS);
      }
      destroy(): void {
        clearTimeout(this.timer);
      }
    },
  );
  return [field, later, gutter({ class: 'cm-change', markers: (view) => view.state.field(field) })];
}
