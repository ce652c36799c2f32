// What the charts over time share: a uPlot over the watched run, its redraw on
// each frame, and the marks on its canvas.
import uPlot from 'uplot';
import { effect, signal } from '@preact/signals';
import { onFrame, requestFrame } from '../frame';
import { run } from '../store';
import { Series } from '../run/run';
import { colours, type Colour } from './colours';

export const AXIS_FONT = '11px Geist, system-ui, sans-serif';
const LABEL_GAP = 13;
const EMPTY = new Series();
const FIRST_SPAN = 20; // seconds, until the plan says how long the load lasts

/** Index of the tick under the pointer or the keyboard's cursor. */
export const pointed = signal<number | null>(null);

export const series = (): Series => run.peek()?.series ?? EMPTY;
export const span = (): number => {
  const last = series().t.at(-1) ?? 0;
  // A run may end before its time: the chart then ends with it.
  return run.peek()?.verdict && last > 0 ? last : Math.max(run.peek()?.plan?.seconds ?? FIRST_SPAN, last);
};
export const narrow = (): boolean => innerWidth <= 820;

export interface EndLabel {
  value: number | null | undefined;
  text: string;
  colour: Colour;
}

export function line(colour: Colour, width: number, dash?: number[]): uPlot.Series {
  return { stroke: () => colours[colour], width, dash, points: { show: false }, spanGaps: false };
}

export const axis = { stroke: () => colours.t3, font: AXIS_FONT, ticks: { show: false } };
export const grid = { stroke: () => colours.line, width: 1 };

interface TimeChart {
  options: Pick<uPlot.Options, 'axes' | 'series' | 'bands'> & { scales: { y: uPlot.Scale } };
  data: () => uPlot.AlignedData;
  draw: (u: uPlot) => void;
  behind?: (u: uPlot) => void;
}

/** Mounts a chart over the run's time; returns its removal. */
export function mountTimeChart(el: HTMLElement, chart: TimeChart): () => void {
  const u = new uPlot(
    {
      width: el.clientWidth || 1,
      height: el.clientHeight || 1,
      // The lower edge of a chart without a time axis needs room for half a label.
      padding: [7, narrow() ? 22 : 78, chart.options.axes?.[0]?.show === false ? 7 : 2, 0],
      legend: { show: false },
      cursor: { sync: { key: 'run' }, y: false, points: { size: 6, width: 1.5, fill: () => colours.s1 }, drag: { x: false, y: false } },
      ...chart.options,
      scales: { x: { time: false, range: () => [0, span()] }, ...chart.options.scales },
      hooks: {
        drawClear: [(v) => chart.behind?.(v)],
        draw: [(v) => chart.draw(v), playhead],
        setCursor: [(v) => (pointed.value = v.cursor.idx == null || (v.cursor.left ?? -1) < 0 ? null : v.cursor.idx)],
      },
    },
    chart.data(),
    el,
  );
  const redraw = () => {
    if (el.clientWidth === 0) return; // in a hidden tab
    u.setData(chart.data(), true);
  };
  const off = onFrame(redraw);
  const size = new ResizeObserver(() => {
    if (el.clientWidth && el.clientHeight) u.setSize({ width: el.clientWidth, height: el.clientHeight });
  });
  size.observe(el);
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    const s = series();
    if (!step || !s.length) return;
    e.preventDefault();
    const i = Math.max(0, Math.min(s.length - 1, (pointed.peek() ?? s.length - 1) + step * (e.shiftKey ? 20 : 2)));
    u.setCursor({ left: u.valToPos(s.t[i]!, 'x'), top: 10 });
    pointed.value = i;
  };
  el.addEventListener('keydown', onKey);
  const stop = effect(() => {
    void run.value;
    requestFrame();
  });
  void document.fonts?.ready.then(requestFrame);
  return () => {
    off();
    stop();
    size.disconnect();
    el.removeEventListener('keydown', onKey);
    u.destroy();
  };
}

/** Where the run has got to. */
function playhead(u: uPlot): void {
  const r = run.peek();
  const t = r?.series.t.at(-1);
  if (t === undefined || r?.verdict) return;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = colours.line2;
  ctx.lineWidth = devicePixelRatio;
  const x = Math.round(u.valToPos(t, 'x', true)) + 0.5;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** Shades the seconds that do not count. */
export function warmUp(u: uPlot, label: boolean): void {
  const until = series().warmUntil;
  if (!until) return;
  const { ctx, bbox } = u;
  const d = devicePixelRatio;
  const right = u.valToPos(until, 'x', true);
  ctx.save();
  ctx.fillStyle = colours.s2;
  ctx.fillRect(bbox.left, bbox.top, right - bbox.left, bbox.height);
  if (label) {
    ctx.fillStyle = colours.t3;
    ctx.font = `${11 * d}px Geist, system-ui, sans-serif`;
    ctx.textBaseline = 'top';
    ctx.textAlign = 'left';
    const words = ['warm-up, not counted', 'warm-up'].find((w) => ctx.measureText(w).width < right - bbox.left - 8 * d);
    if (words) ctx.fillText(words, bbox.left + 4 * d, bbox.top + 3 * d);
  }
  ctx.restore();
}

/** Names each line at the right end, moved apart so that none covers another. */
export function endLabels(u: uPlot, labels: EndLabel[]): void {
  if (narrow()) return;
  const { ctx, bbox } = u;
  const d = devicePixelRatio;
  const placed = labels
    .filter((l) => l.value != null && l.value > 0)
    .map((l) => ({ ...l, y: u.valToPos(l.value!, 'y', true) }))
    .sort((a, b) => a.y - b.y);
  for (let i = 1; i < placed.length; i++) placed[i]!.y = Math.max(placed[i]!.y, placed[i - 1]!.y + LABEL_GAP * d);
  let limit = bbox.top + bbox.height - 4 * d;
  for (const l of placed.toReversed()) {
    l.y = Math.min(l.y, limit);
    limit = l.y - LABEL_GAP * d;
  }
  ctx.save();
  ctx.font = `500 ${11 * d}px Geist, system-ui, sans-serif`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  for (const l of placed) {
    ctx.fillStyle = colours[l.colour];
    ctx.fillText(l.text, bbox.left + bbox.width + 8 * d, l.y);
  }
  ctx.restore();
}

/** The last value of a column that is not a gap. */
export function latest(column: (number | null)[]): number | null {
  return column.findLast((v) => v != null) ?? null;
}
