// A row of tabs with the arrow keys of the ARIA pattern.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface Tab<T extends string> {
  id: T;
  label: ComponentChildren;
  controls: string;
  title?: string;
}

export function Tabs<T extends string>(props: { label: string; tabs: Tab<T>[]; selected: T; onSelect: (id: T) => void; kind?: string; prefix: string }) {
  const row = useRef<HTMLDivElement>(null);
  const onKeyDown = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    const at = props.tabs.findIndex((t) => t.id === props.selected);
    const next = (at + step + props.tabs.length) % props.tabs.length;
    props.onSelect(props.tabs[next]!.id);
    row.current?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  useEffect(() => {
    row.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [props.selected, props.tabs.length]);
  return (
    <div role="tablist" aria-label={props.label} ref={row} onKeyDown={onKeyDown}>
      {props.tabs.map((t) => (
        <button
          key={t.id}
          type="button"
          role="tab"
          id={`${props.prefix}-${t.id}`}
          class={props.kind}
          title={t.title}
          aria-controls={t.controls}
          aria-selected={t.id === props.selected}
          tabIndex={t.id === props.selected ? 0 : -1}
          onClick={() => props.onSelect(t.id)}
        >
          {t.label}
        </button>
      ))}
    </div>
  );
}
