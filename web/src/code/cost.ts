// What each line costs, beside its number: the share of the processor time that
// was spent in it and in what it calls.
import { RangeSet, StateEffect, StateField, type Extension, type TransactionSpec } from '@codemirror/state';
import { gutter, GutterMarker } from '@codemirror/view';

export interface Cost {
  line: number; // from 1
  share: number; // 0 to 1
}

const HOT = 0.3;
const WARM = 0.1;

class Mark extends GutterMarker {
  constructor(private readonly share: number) {
    super();
  }

  override eq(other: Mark): boolean {
    return this.share === other.share;
  }

  override toDOM(): Node {
    const mark = document.createElement('div');
    mark.className = this.share >= HOT ? 'share hot' : this.share >= WARM ? 'share warm' : 'share';
    mark.textContent = `${Math.round(this.share * 100)}%`;
    mark.title = 'Of the processor time in the run shown, with what this line calls';
    return mark;
  }
}

const set = StateEffect.define<Cost[]>();

const field = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update: (marks, tr) => {
    let now = marks.map(tr.changes);
    for (const e of tr.effects) {
      if (!e.is(set)) continue;
      const lines = e.value.filter((c) => c.line >= 1 && c.line <= tr.newDoc.lines).sort((a, b) => a.line - b.line);
      now = RangeSet.of(lines.map((c) => new Mark(c.share).range(tr.newDoc.line(c.line).from)));
    }
    return now;
  },
});

export const costs: Extension = [field, gutter({ class: 'cm-cost', markers: (view) => view.state.field(field) })];

export function showCosts(of: Cost[]): TransactionSpec {
  return { effects: set.of(of) };
}
