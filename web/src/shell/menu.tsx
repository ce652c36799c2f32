// A button that opens a short menu, with the arrow keys of the ARIA pattern.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';

export interface MenuItem {
  label: string;
  note?: string;
  run: () => void;
}

export function Menu({ icon, label, items }: { icon: string; label: string; items: MenuItem[] }) {
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const entries = () => [...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
  const close = (focus: boolean) => {
    open.value = false;
    if (focus) root.current?.querySelector('button')?.focus();
  };
  useEffect(() => {
    if (!open.value) return;
    entries()[0]?.focus();
    const outside = (e: Event) => {
      if (!root.current?.contains(e.target as Node)) close(false);
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [open.value]);
  const onKeyDown = (e: KeyboardEvent) => {
    if (!open.value) return;
    if (e.key === 'Escape' || e.key === 'Tab') return close(e.key === 'Escape');
    const list = entries();
    const at = list.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    list[(to + list.length) % list.length]?.focus();
  };
  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button type="button" class="icon-button" aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        <Icon name={icon} />
      </button>
      {open.value && (
        <div class="menu-list" role="menu" aria-label={label}>
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                close(true);
                item.run();
              }}
            >
              {item.label}
              {item.note && <span>{item.note}</span>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
