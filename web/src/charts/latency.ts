// Latency over the run, on a log axis: the learner's P50, P95 and P99 in one
// blue ramp, the starter's P95 dashed in grey over its band P50 to P99.
import type uPlot from 'uplot';
import { boot, run } from '../store';
import { starterP95 } from '../run/run';
import { halfDecades, logRange } from './axes';
import { colours } from './colours';
import { axis, endLabels, grid, latest, line, mountTimeChart, narrow, series, warmUp } from './time-chart';

const LABEL_PX = 15;
const LEAST: [number, number] = [3, 300]; // ms, before there are figures

const timeLabel = (v: number) => (v >= 1000 ? `${v / 1000} s` : `${v} ms`);

/** A goal for all requests together can be drawn; one for a single kind cannot. */
const goal = boot.targets.find((t) => t.metric === 'p95' && t.of === '' && t.improve > 0);

export function mountLatency(el: HTMLElement): () => void {
  // The range only ever grows within a run, so that lines do not jump.
  let range = LEAST;
  let of = run.peek();
  let seen = 0;
  const grow = () => {
    const s = series();
    if (of !== run.peek()) {
      of = run.peek();
      range = LEAST;
      seen = 0;
    }
    let [low, high] = seen ? range : [Infinity, 0];
    for (; seen < s.length; seen++) {
      for (const side of [s.before, s.after]) {
        low = Math.min(low, side.p50[seen] ?? Infinity);
        high = Math.max(high, side.p99[seen] ?? 0);
      }
    }
    if (high > 0 && low < Infinity) range = logRange(low, high);
    else seen = 0;
    return range;
  };
  return mountTimeChart(el, {
    data: () => {
      const { t, before, after } = series();
      return [t, before.p50, before.p99, before.p95, after.p50, after.p95, after.p99] as uPlot.AlignedData;
    },
    options: {
      scales: { y: { distr: 3, range: () => grow() } },
      axes: [
        { ...axis, show: false, grid },
        {
          ...axis,
          size: 52,
          gap: 6,
          grid,
          splits: (u) => {
            const all = halfDecades(...range);
            const fits = u.bbox.height / devicePixelRatio / LABEL_PX >= all.length;
            return fits ? all : all.filter((v) => Number.isInteger(Math.round(Math.log10(v) * 1e6) / 1e6));
          },
          filter: (_u, splits) => splits,
          values: (_u, splits) => splits.map(timeLabel),
        },
      ],
      series: [{}, line('before', 0), line('before', 0), line('before', 1.25, [5, 4]), line('p50', 1.25), line('p95', 1.5), line('p99', 2)],
      bands: [
        { series: [6, 4], fill: () => colours.band },
        { series: [2, 1], fill: () => colours['before-band'] },
      ],
    },
    behind: (u) => warmUp(u, true),
    draw: (u) => {
      drawGoal(u);
      const { before, after } = series();
      endLabels(u, [
        { value: latest(after.p99), text: 'P99', colour: 'p99' },
        { value: latest(after.p95), text: 'P95', colour: 'accent' },
        { value: latest(after.p50), text: 'P50', colour: 'accent' },
        { value: latest(before.p95), text: 'starter P95', colour: 't3' },
      ]);
    },
  });
}

function drawGoal(u: uPlot): void {
  const base = starterP95(series());
  if (!goal || !base) return;
  const { ctx, bbox } = u;
  const d = devicePixelRatio;
  const y = Math.round(u.valToPos(base / goal.improve, 'y', true)) + 0.5;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.save();
  ctx.strokeStyle = colours.slo;
  ctx.lineWidth = d;
  ctx.setLineDash([6 * d, 3 * d]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = colours.warn;
  ctx.font = `500 ${11 * d}px Geist, system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  ctx.fillText(narrow() ? 'goal' : `goal: P95 ${goal.text}`, bbox.left + bbox.width - 6 * d, y - 2 * d);
  ctx.restore();
}
