// The two lines between panes: dragged, moved by arrow keys, reset by double
// click. Sizes are kept in this browser.
import { recall, remember } from '../settings';

interface Split {
  selector: string;
  property: string;
  keys: Record<string, number>;
  least: number;
  most: () => number;
  usual: () => number;
  at: (e: PointerEvent) => number;
}

const STATUS_BAR = 24;
const clamp = (low: number, v: number, high: number) => Math.round(Math.max(low, Math.min(high, v)));

const SPLITS: Split[] = [
  {
    selector: '.split-v',
    property: '--lesson-width',
    keys: { ArrowLeft: -16, ArrowRight: 16 },
    least: 280,
    most: () => Math.min(720, innerWidth - 480),
    usual: () => clamp(300, innerWidth * 0.27, 384),
    at: (e) => e.clientX,
  },
  {
    selector: '.split-h',
    property: '--run-height',
    keys: { ArrowUp: 16, ArrowDown: -16 },
    least: 220,
    most: () => innerHeight - 200,
    usual: () => clamp(344, innerHeight * 0.48, 480),
    at: (e) => innerHeight - STATUS_BAR - e.clientY,
  },
];

export function mountSplitters(): void {
  for (const split of SPLITS) mount(split);
}

function mount(s: Split): void {
  const el = document.querySelector<HTMLElement>(s.selector);
  if (!el) return;
  const show = (size: number) => {
    el.setAttribute('aria-valuenow', String(size));
    el.setAttribute('aria-valuemax', String(s.most()));
  };
  const set = (size: number) => {
    const fitted = clamp(s.least, size, s.most());
    document.documentElement.style.setProperty(s.property, `${fitted}px`);
    show(fitted);
    remember(s.property, String(fitted));
  };
  el.setAttribute('aria-valuemin', String(s.least));
  const kept = Number(recall(s.property));
  if (kept) set(kept);
  else show(s.usual());
  el.addEventListener('pointerdown', (e) => {
    el.setPointerCapture(e.pointerId);
    el.classList.add('dragged');
  });
  el.addEventListener('pointermove', (e) => {
    if (el.hasPointerCapture(e.pointerId)) set(s.at(e));
  });
  el.addEventListener('lostpointercapture', () => el.classList.remove('dragged'));
  el.addEventListener('dblclick', () => set(s.usual()));
  el.addEventListener('keydown', (e) => {
    const step = s.keys[e.key];
    if (step) {
      e.preventDefault();
      set(Number(el.getAttribute('aria-valuenow')) + step);
    }
    if (e.key === 'Home') set(s.usual());
  });
}
