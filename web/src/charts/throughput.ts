// Answers per second of both sides, with the time axis that the latency chart
// shares.
import type uPlot from 'uplot';
import { run } from '../store';
import { roundStep, ticksTo } from './axes';
import { colours } from './colours';
import { axis, endLabels, grid, latest, line, mountTimeChart, narrow, series, span, warmUp } from './time-chart';

export function mountThroughput(el: HTMLElement): () => void {
  const top = () => {
    const { before, after } = series();
    const most = [...before.rps, ...after.rps].reduce<number>((high, v) => Math.max(high, v ?? 0), run.peek()?.plan?.rate || 10);
    const step = roundStep(most * 1.05, 4);
    return Math.ceil((most * 1.05) / step) * step;
  };
  return mountTimeChart(el, {
    data: () => {
      const { t, before, after } = series();
      return [t, before.rps, after.rps] as uPlot.AlignedData;
    },
    options: {
      scales: { y: { range: () => [0, top()] } },
      axes: [
        { ...axis, size: 20, gap: 4, grid: { show: false }, splits: () => ticksTo(span(), roundStep(span(), narrow() ? 5 : 8)), values: (_u, v) => v.map((x) => `${x} s`) },
        { ...axis, size: 52, gap: 6, grid, splits: () => ticksTo(top(), roundStep(top(), 2)), values: (_u, v) => v.map(String) },
      ],
      series: [{}, line('before', 1.25, [5, 4]), { ...line('p95', 1.5), fill: () => colours.band }],
    },
    behind: (u) => warmUp(u, false),
    draw: (u) => {
      const { before, after } = series();
      endLabels(u, [
        { value: latest(after.rps), text: 'yours', colour: 'accent' },
        { value: latest(before.rps), text: 'starter', colour: 't3' },
      ]);
    },
  });
}
