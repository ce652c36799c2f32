// Runs before the first paint, so that a page never flashes in the other theme.
// Loaded as a classic script: no imports of values from elsewhere.
(() => {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => {
    try {
      return localStorage.getItem('theme');
    } catch {
      return null;
    }
  };
  const apply = () => {
    root.dataset.theme = chosen() ?? (system.matches ? 'dark' : 'light');
  };
  apply();
  system.addEventListener('change', apply);
  addEventListener('storage', (e) => {
    if (e.key === 'theme') apply();
  });
})();
