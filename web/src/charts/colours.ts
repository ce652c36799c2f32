// The page's colours as canvas needs them: resolved, and read again when the
// theme changes.
import { onThemeChange } from '../shell/theme-button';
import { requestFrame } from '../frame';

const NAMES = ['t1', 't3', 's1', 's2', 'line', 'line2', 'ctl', 'p99', 'p95', 'p50', 'band', 'before', 'before-band', 'slo', 'accent', 'warn',
  'flame', 'flame-own', 'flame-library', 'flame-runtime', 'flame-more', 'flame-less'] as const;
export type Colour = (typeof NAMES)[number];

const read = () => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((n) => [n, style.getPropertyValue(`--${n}`).trim()])) as Record<Colour, string>;
};

export const colours: Record<Colour, string> = read();

onThemeChange(() => {
  Object.assign(colours, read());
  requestFrame();
});
