// Figures and times as the page writes them.

const decimals = (v: number, digits: number) => v.toFixed(digits).replace('-', '−');

/** A latency in ms with three significant figures at most: "9.4 ms", "118 ms", "1.96 s". */
export function ms(v: number): string {
  return duration(v).join(' ');
}

/** The same as [figure, unit]. */
export function duration(v: number): [string, string] {
  if (v >= 9995) return [decimals(v / 1000, 1), 's'];
  if (v >= 999.5) return [decimals(v / 1000, 2), 's'];
  if (v >= 9.95) return [decimals(v, 0), 'ms'];
  if (v >= 0.995) return [decimals(v, 1), 'ms'];
  return [decimals(v, 2), 'ms'];
}

/** Seconds of a run: "0.4 s", "28 s", "2 min 5 s". */
export function seconds(v: number): string {
  if (v < 9.95) return `${decimals(v, 1)} s`;
  const whole = Math.round(v);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A bare ratio: "8.9×", "12×", "0.95×". */
export function ratio(v: number): string {
  return `${factor(v)}×`;
}

export function factor(v: number): string {
  if (v >= 9.95) return decimals(v, 0);
  return decimals(v, v < 1.995 ? 2 : 1);
}

/** A ratio in words: "8.9× better", "1.25× worse", "the same". */
export function improvement(v: number): string {
  if (v <= 0) return '–';
  if (Math.abs(v - 1) < 0.005) return 'the same';
  return v > 1 ? `${ratio(v)} better` : `${ratio(1 / v)} worse`;
}

/** A share, 0 to 1: "0.00 %", "2.1 %", "34 %". */
export function share(v: number): string {
  return `${percent(v)} %`;
}

export function percent(v: number): string {
  const p = v * 100;
  return decimals(p, p >= 9.95 ? 0 : p >= 0.995 ? 1 : 2);
}

/** The relative change from before to after, with a narrow space: "−97 %". */
export function change(before: number, after: number): string {
  const exact = ((after - before) / before) * 100;
  // What is left is never nothing: 99.9 at most.
  if (exact < -99.5 && after > 0) return `−${Math.min(99.9, -exact).toFixed(1)}\u202f%`;
  const p = Math.round(exact);
  return `${p < 0 ? '−' : p > 0 ? '+' : '±'}${count(Math.abs(p))}\u202f%`;
}

export function count(v: number): string {
  return Math.round(v).toLocaleString('en-GB');
}

/** A figure in a metric's own unit. */
export function inUnit(v: number, unit: string): string {
  if (unit === 'ms') return ms(v);
  const figure = v >= 99.5 ? count(v) : decimals(v, v >= 9.95 || Number.isInteger(v) ? 0 : v >= 0.995 ? 1 : 2);
  return unit === '%' || unit === 'MB' || unit === 's' ? `${figure} ${unit}` : figure;
}

/** How long ago: "just now", "4 min ago", "3 h ago", then the date. */
export function ago(then: Date, now: Date): string {
  const s = (now.getTime() - then.getTime()) / 1000;
  if (s < 60) return 'just now';
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: then.getFullYear() === now.getFullYear() ? undefined : 'numeric' });
}

const METRICS: Record<string, string> = {
  p50: 'P50',
  p95: 'P95',
  p99: 'P99',
  errors: 'Errors',
  queries: 'Queries per request',
  cpu: 'CPU time',
  memory: 'Memory',
};

/** "P95 of history". */
export function metricLabel(name: string, of: string): string {
  return (METRICS[name] ?? name) + (of ? ` of ${of}` : '');
}
