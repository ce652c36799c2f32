// Puts what a run's CPU profile says about lines beside them, in the files that
// still are as that run had them.
import { effect } from '@preact/signals';
import { api, files } from '../actions';
import { Problem } from '../api';
import { drawn, openFile, run as watched } from '../store';
import type { Run } from '../run/run';
import { graphOf } from '../why/profiles';
import type { Cost } from './cost';
import type { Editor } from './editor';

const LEAST = 0.01;

interface Heat {
  run: string;
  texts: Record<string, string>;
  costs: Map<string, Cost[]>;
}

export function mountHeat(editor: Editor): void {
  let heat: Heat | null = null;
  let asked = '';
  const show = () => {
    const path = openFile.peek();
    const file = files.get(path);
    if (!file) return;
    // Edits move the marks along; another text has no marks.
    if (!heat || heat.texts[path] !== file.text) {
      if (!heat) editor.heat(path, []);
      return;
    }
    editor.heat(path, heat.costs.get(path) ?? []);
  };
  effect(() => {
    void drawn.value;
    void openFile.value;
    const r = watched.value;
    if (!r?.verdict?.evidence?.profiles.some((p) => p.name === 'cpu' && p.after.bytes > 0)) {
      heat = null;
      asked = '';
    } else if (asked !== r.id) {
      heat = null;
      asked = r.id;
      void read(r).then((h) => {
        if (asked !== r.id) return;
        heat = h;
        show();
      });
    }
    show();
  });
}

/** Nothing is lost when it fails: the profile tab says what is wrong. */
async function read(run: Run): Promise<Heat | null> {
  try {
    const [detail, graph] = await Promise.all([api.run(run.id), graphOf(run.id, 'cpu', '')]);
    const costs = new Map<string, Cost[]>();
    for (const l of graph.lines) {
      const share = graph.after.total ? l.after / graph.after.total : 0;
      if (share < LEAST) continue;
      costs.set(l.file, [...(costs.get(l.file) ?? []), { line: l.line, share }]);
    }
    return { run: run.id, texts: detail.files, costs };
  } catch (err) {
    if (!(err instanceof Problem)) throw err;
    return null;
  }
}
