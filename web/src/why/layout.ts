// Where the frames of a flame graph lie: arithmetic alone.
import type { Graph } from '../wire/evidence';
import type { Which } from './profiles';

/** The tree with what follows from its order: a node comes before its children. */
export interface Tree {
  graph: Graph;
  depth: Int32Array;
  /** The first node behind a node's own subtree. */
  end: Int32Array;
}

export interface Cell {
  node: number;
  x: number; // px
  width: number;
  depth: number;
}

/** What is narrower is not drawn, in px. */
const NARROWEST = 0.6;
/** Deeper frames are reached by zooming in: a canvas has a largest size. */
export const DEEPEST = 320;

export function treeOf(graph: Graph): Tree {
  const { parent } = graph.nodes;
  const n = parent.length;
  const depth = new Int32Array(n);
  const end = new Int32Array(n);
  for (let i = 1; i < n; i++) depth[i] = depth[parent[i]!]! + 1;
  for (let i = n - 1; i >= 0; i--) {
    if (end[i] === 0) end[i] = i + 1;
    const p = parent[i]!;
    if (p >= 0 && end[p]! < end[i]!) end[p] = end[i]!;
  }
  return { graph, depth, end };
}

/** The cells of one side with a node over the whole width, its callers above it. */
export function layout(tree: Tree, which: Which, zoom: number, width: number): Cell[] {
  const { parent } = tree.graph.nodes;
  const value = tree.graph.nodes[which];
  const cells: Cell[] = [];
  for (let at = parent[zoom]!; at >= 0; at = parent[at]!) cells.unshift({ node: at, x: 0, width, depth: tree.depth[at]! });
  const all = value[zoom]!;
  if (all <= 0) return cells;
  // Where the next child of each node begins; parents are laid out first.
  const next = new Float64Array(tree.end[zoom]! - zoom);
  const shift = Math.max(0, tree.depth[zoom]! - 8); // of a deep zoom the nearest callers are shown
  if (shift > 0) {
    cells.splice(0, shift);
    for (const c of cells) c.depth -= shift;
  }
  for (let i = zoom; i < tree.end[zoom]!; ) {
    const w = (value[i]! / all) * width;
    const p = parent[i]!;
    const x = i === zoom ? 0 : next[p - zoom]!;
    if (i !== zoom) next[p - zoom] = x + w;
    next[i - zoom] = x;
    const depth = tree.depth[i]! - shift;
    if (w < NARROWEST || depth > DEEPEST) {
      i = tree.end[i]!;
      continue;
    }
    cells.push({ node: i, x, width: w, depth });
    i++;
  }
  return cells;
}

/** The nodes whose function's name holds a text, and how much they are together. */
export function search(tree: Tree, which: Which, text: string): { hits: Set<number>; sum: number } {
  const hits = new Set<number>();
  const wanted = text.trim().toLowerCase();
  let sum = 0;
  if (!wanted) return { hits, sum };
  const { functions, nodes } = tree.graph;
  const named = functions.map((f) => f.toLowerCase().includes(wanted));
  let covered = 0; // nodes before this one lie below a hit
  for (let i = 1; i < nodes.function.length; i++) {
    if (!named[nodes.function[i]!]) continue;
    hits.add(i);
    if (i < covered) continue;
    sum += nodes[which][i]!;
    covered = tree.end[i]!;
  }
  return { hits, sum };
}

/** The cell that an arrow key leads to. */
export function step(cells: Cell[], tree: Tree, from: number, key: string): number | null {
  const { parent } = tree.graph.nodes;
  const at = cells.find((c) => c.node === from);
  if (!at) return cells[0]?.node ?? null;
  if (key === 'ArrowUp') return cells.some((c) => c.node === parent[from]) ? parent[from]! : null;
  if (key === 'ArrowDown') {
    const below = cells.filter((c) => parent[c.node] === from);
    return below.reduce<Cell | null>((a, b) => (a && a.width >= b.width ? a : b), null)?.node ?? null;
  }
  const row = cells.filter((c) => c.depth === at.depth).sort((a, b) => a.x - b.x);
  const i = row.indexOf(at) + (key === 'ArrowRight' ? 1 : -1);
  return row[i]?.node ?? null;
}
