// The button that switches between dark and light.
import { remember } from '../settings';

export function toggleTheme(): void {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  remember('theme', next);
}

export function mountThemeButton(): void {
  const button = document.getElementById('theme');
  if (!button) return;
  const label = () => {
    const dark = document.documentElement.dataset.theme === 'dark';
    const text = `Switch to ${dark ? 'light' : 'dark'} theme`;
    button.setAttribute('aria-label', text);
    button.title = text;
    button.querySelector('use')?.setAttribute('href', dark ? '#i-sun' : '#i-moon');
  };
  label();
  onThemeChange(label);
  button.onclick = toggleTheme;
}

/** Calls back after the theme has changed, for what is drawn on canvas. */
export function onThemeChange(f: () => void): () => void {
  const observer = new MutationObserver(f);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => observer.disconnect();
}
