// The flame graph on its canvas: drawing, pointer and keyboard.
import { effect, signal } from '@preact/signals';
import { colours, type Colour } from '../charts/colours';
import { onFrame, requestFrame } from '../frame';
import { layout, search, step, treeOf, type Cell, type Tree } from './layout';
import { byChange, change, filter, short, which } from './profiles';
import type { Graph } from '../wire/evidence';

const ROW = 20;
const FONT = "12px 'Geist', system-ui, sans-serif";
const LABEL_FROM = 34; // px: narrower frames have no text

const BY_OWNER: Colour[] = ['flame-own', 'flame-library', 'flame', 'flame-runtime'];

/** The node that is pointed at or selected by the keyboard. */
export const pointed = signal<number | null>(null);
/** The node over the whole width. */
export const zoom = signal(0);

export function mountFlame(box: HTMLElement, canvas: HTMLCanvasElement, graph: Graph): () => void {
  const tree: Tree = treeOf(graph);
  let cells: Cell[] = [];
  let hits = new Set<number>();
  zoom.value = 0;
  pointed.value = null;

  const draw = () => {
    const width = box.clientWidth - 28;
    if (width <= 0) return;
    cells = layout(tree, which.peek(), zoom.peek(), width);
    hits = search(tree, which.peek(), filter.peek()).hits;
    const height = (cells.reduce((most, c) => Math.max(most, c.depth), 0) + 1) * ROW;
    const scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const ctx = canvas.getContext('2d')!;
    ctx.scale(scale, scale);
    ctx.font = FONT;
    ctx.textBaseline = 'middle';
    const searching = filter.peek().trim() !== '';
    for (const c of cells) {
      ctx.globalAlpha = searching && !hits.has(c.node) ? 0.35 : 1;
      ctx.fillStyle = colours[fill(graph, c.node)];
      ctx.beginPath();
      ctx.roundRect(c.x, c.depth * ROW, Math.max(0.5, c.width - 1), ROW - 1, 2);
      ctx.fill();
      if (c.width > LABEL_FROM) {
        ctx.fillStyle = colours.t1;
        ctx.fillText(fitted(ctx, name(graph, c.node), c.width - 12), c.x + 6, c.depth * ROW + ROW / 2);
      }
    }
    ctx.globalAlpha = 1;
    const at = cells.find((c) => c.node === pointed.peek());
    if (at) {
      ctx.strokeStyle = colours.accent;
      ctx.lineWidth = 1.5;
      ctx.strokeRect(at.x + 0.75, at.depth * ROW + 0.75, Math.max(1, at.width - 2.5), ROW - 2.5);
    }
  };

  const under = (e: MouseEvent) => {
    const r = canvas.getBoundingClientRect();
    const x = e.clientX - r.left;
    const depth = Math.floor((e.clientY - r.top) / ROW);
    return cells.find((c) => c.depth === depth && x >= c.x && x < c.x + c.width)?.node ?? null;
  };
  canvas.onpointermove = (e) => {
    const node = under(e);
    canvas.style.cursor = node === null ? '' : 'pointer';
    if (node !== null) pointed.value = node;
  };
  canvas.onclick = (e) => {
    const node = under(e);
    if (node !== null) pointed.value = zoom.value = node;
  };
  box.onkeydown = (e) => {
    if (e.key === 'Enter' && pointed.peek() !== null) zoom.value = pointed.peek()!;
    else if (e.key === 'Escape' && zoom.peek() !== 0) zoom.value = 0;
    else if (e.key === 'Home') pointed.value = 0;
    else if (e.key.startsWith('Arrow')) {
      const to = step(cells, tree, pointed.peek() ?? -1, e.key);
      if (to !== null) pointed.value = to;
      reveal(box, cells, to);
    } else return;
    e.preventDefault();
  };

  const off = onFrame(draw);
  const size = new ResizeObserver(requestFrame);
  size.observe(box);
  const stop = effect(() => {
    void [which.value, byChange.value, filter.value, zoom.value, pointed.value];
    requestFrame();
  });
  void document.fonts?.ready.then(requestFrame);
  return () => {
    off();
    stop();
    size.disconnect();
  };
}

export function name(g: Graph, node: number): string {
  return node === 0 ? 'all' : short(g.functions[g.nodes.function[node]!]!);
}

function fill(g: Graph, node: number): Colour {
  if (node === 0) return 'flame';
  if (!byChange.peek()) return BY_OWNER[g.owners[g.nodes.function[node]!]!] ?? 'flame';
  const d = change(g, g.nodes.before[node]!, g.nodes.after[node]!);
  return d > 0 ? 'flame-more' : d < 0 ? 'flame-less' : 'flame';
}

/** A name cut to a width. */
function fitted(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let [fits, not] = [0, text.length];
  while (not - fits > 1) {
    const middle = (fits + not) >> 1;
    if (ctx.measureText(`${text.slice(0, middle)}…`).width <= width) fits = middle;
    else not = middle;
  }
  return fits > 1 ? `${text.slice(0, fits)}…` : '';
}

/** Scrolls a frame that the keyboard leads to into sight. */
function reveal(box: HTMLElement, cells: Cell[], node: number | null): void {
  const cell = cells.find((c) => c.node === node);
  if (!cell) return;
  const top = cell.depth * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + 2 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW - box.clientHeight;
}
