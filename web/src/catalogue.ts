// The catalogue: a filter over rows that the server has drawn, and arrow keys
// from row to row. Problem pages load it too, for the theme.
import { mountThemeButton } from './shell/theme-button';
import './styles/catalogue.css';

mountThemeButton();

const filter = document.querySelector<HTMLInputElement>('#filter');
if (filter) mountFilter(filter, [...document.querySelectorAll<HTMLElement>('.row')]);

function mountFilter(input: HTMLInputElement, rows: HTMLElement[]): void {
  const form = document.getElementById('filters')!;
  const nothing = document.getElementById('nothing')!;
  const found = document.getElementById('found')!;
  const level = () => form.querySelector<HTMLInputElement>('input[name=level]:checked')!;
  const shown = () => rows.filter((r) => !r.hidden).map((r) => r.querySelector('a')!);
  form.hidden = false;

  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const track = (row: HTMLElement) => row.closest('.track')!.querySelector('h2')!.textContent!;
    for (const row of rows) {
      const text = `${row.textContent} ${track(row)}`.toLowerCase();
      row.hidden = !words.every((w) => text.includes(w)) || (level().value !== '' && row.dataset.level !== level().value);
    }
    for (const section of document.querySelectorAll<HTMLElement>('.track')) section.hidden = !section.querySelector('.row:not([hidden])');
    const n = shown().length;
    nothing.hidden = n > 0;
    found.textContent = n === rows.length ? '' : `${n} of ${rows.length}`;
  };
  const clear = () => {
    input.value = '';
    form.querySelector<HTMLInputElement>('input[name=level]')!.checked = true;
    apply();
    input.focus();
  };
  form.addEventListener('input', apply);
  document.getElementById('clear')!.onclick = clear;
  addEventListener('pageshow', apply); // the browser may have kept what was typed

  addEventListener('keydown', (e) => {
    const typing = e.target instanceof HTMLInputElement && e.target.type === 'search';
    if (e.key === '/' && !typing) {
      e.preventDefault();
      input.focus();
      input.select();
      return;
    }
    if (e.key === 'Escape' && typing) return clear();
    if (e.target instanceof HTMLInputElement && !typing) return; // the level's own arrow keys
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    const links = shown();
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    if (at < 0 && !typing) return;
    e.preventDefault();
    if (at + step < 0) input.focus();
    else links[Math.min(links.length - 1, at + step)]?.focus();
  });
}
