// The keyboard's name for the modifier, and what the page does on its keys.
import { save, start } from '../actions';
import { overlay, showDiff } from '../store';

const mac = /Mac|iPhone|iPad/.test(navigator.platform);
export const MOD = mac ? '⌘' : 'Ctrl';
const SHIFT = mac ? '⇧' : 'Shift';

export const SHORTCUTS = {
  run: [MOD, 'Enter'],
  save: [MOD, 'S'],
  palette: [MOD, 'K'],
  diff: [MOD, SHIFT, 'D'],
  editor: [MOD, SHIFT, 'E'],
};

export function mountKeys(focusEditor: () => void): void {
  addEventListener('keydown', (e) => {
    if (e.defaultPrevented || !(e.metaKey || e.ctrlKey) || e.altKey) return;
    const key = (e.shiftKey ? 'shift+' : '') + e.key.toLowerCase();
    const does: Record<string, () => unknown> = {
      enter: () => start(),
      s: () => save(),
      k: () => (overlay.value = overlay.peek() === 'palette' ? null : 'palette'),
      'shift+d': () => (showDiff.value = !showDiff.peek()),
      'shift+e': focusEditor,
    };
    const action = does[key];
    if (!action) return;
    e.preventDefault();
    void action();
  });
}
