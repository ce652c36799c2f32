// How latencies are spread: bars for the learner's version, a dashed outline
// for the starter, both as shares of their own requests.
import { effect } from '@preact/signals';
import { onFrame, requestFrame } from '../frame';
import { drawn, run } from '../store';
import { halfDecades } from './axes';
import { colours } from './colours';
import { AXIS_FONT } from './time-chart';

export interface Distribution {
  edges: number[]; // upper edges in ms
  before: number[];
  after: number[];
}

/** The counted latencies: of the whole run, or of the run so far. */
export function distribution(): Distribution | null {
  const r = run.peek();
  const load = r?.verdict?.load;
  if (load?.before.histogram && load.after.histogram) return { edges: load.histogram_ms, before: load.before.histogram, after: load.after.histogram };
  if (!r?.plan || r.series.histogram.version === 0) return null;
  return { edges: r.plan.edges_ms, before: r.series.histogram.before, after: r.series.histogram.after };
}

/** Cuts the empty ends off, so that the bars use the width. */
export function trimmed(d: Distribution): Distribution {
  const used = d.edges.map((_, i) => (d.before[i] ?? 0) + (d.after[i] ?? 0) > 0);
  const from = Math.max(0, used.indexOf(true) - 1);
  const to = Math.min(d.edges.length, used.lastIndexOf(true) + 2);
  return { edges: d.edges.slice(from, to), before: d.before.slice(from, to), after: d.after.slice(from, to) };
}

export function mountDistribution(canvas: HTMLCanvasElement): () => void {
  let last = '';
  const redraw = () => {
    const { clientWidth: w, clientHeight: h } = canvas;
    const d = distribution();
    const r = run.peek();
    const key = [r?.id, r?.series.histogram.version, !!r?.verdict, w, h, devicePixelRatio, colours.s1].join();
    if (!w || !h || key === last) return;
    last = key;
    canvas.width = w * devicePixelRatio;
    canvas.height = h * devicePixelRatio;
    const ctx = canvas.getContext('2d')!;
    ctx.scale(devicePixelRatio, devicePixelRatio);
    if (d) draw(ctx, trimmed(d), w, h);
  };
  const off = onFrame(redraw);
  const size = new ResizeObserver(redraw);
  size.observe(canvas);
  const stop = effect(() => {
    void run.value;
    void drawn.value;
    requestFrame();
  });
  return () => {
    off();
    stop();
    size.disconnect();
  };
}

function draw(ctx: CanvasRenderingContext2D, d: Distribution, w: number, h: number): void {
  const base = h - 16;
  const share = (counts: number[]) => {
    const all = counts.reduce((a, b) => a + b, 0) || 1;
    return counts.map((c) => c / all);
  };
  const before = share(d.before);
  const after = share(d.after);
  const most = Math.max(0.001, ...before, ...after);
  const step = w / d.edges.length;
  const y = (v: number) => base - (v / most) * (base - 4);

  // Buckets are log-spaced, so a latency's place is found between two edges.
  const x = (v: number) => {
    const i = d.edges.findIndex((e) => e >= v);
    if (i <= 0) return i === 0 && d.edges[0] === v ? step : -1;
    const [a, b] = [d.edges[i - 1]!, d.edges[i]!];
    return step * (i + Math.log(v / a) / Math.log(b / a));
  };
  ctx.font = AXIS_FONT;
  ctx.textBaseline = 'bottom';
  ctx.textAlign = 'center';
  let free = 0;
  for (const v of halfDecades(d.edges[0] ?? 1, d.edges.at(-1) ?? 1)) {
    const at = x(v);
    const text = v >= 1000 ? `${v / 1000} s` : `${v} ms`;
    const half = ctx.measureText(text).width / 2;
    if (at < 0 || at - half < free || at + half > w) continue;
    free = at + half + 8;
    ctx.fillStyle = colours.line;
    ctx.fillRect(Math.round(at), 0, 1, base);
    ctx.fillStyle = colours.t3;
    ctx.fillText(text, at, h);
  }
  ctx.fillStyle = colours.p95;
  after.forEach((v, i) => {
    if (v > 0) ctx.fillRect(i * step + 0.5, Math.min(base - 1, y(v)), Math.max(1, step - 1), Math.max(1, base - y(v)));
  });
  ctx.beginPath();
  ctx.moveTo(0, base);
  before.forEach((v, i) => {
    ctx.lineTo(i * step, y(v));
    ctx.lineTo((i + 1) * step, y(v));
  });
  ctx.lineTo(w, base);
  ctx.fillStyle = colours['before-band'];
  ctx.fill();
  ctx.strokeStyle = colours.before;
  ctx.setLineDash([3, 2]);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = colours.line2;
  ctx.fillRect(0, base, w, 1);
}
