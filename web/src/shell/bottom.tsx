// The bar of the narrow layout: one pane at a time, and Run or Stop.
import { useEffect } from 'preact/hooks';
import { RunButton } from '../code/bar';
import { pane, type Pane } from '../store';
import { Icon } from './icon';

const PANES: { id: Pane; label: string; icon: string }[] = [
  { id: 'lesson', label: 'Lesson', icon: 'book-open' },
  { id: 'code', label: 'Code', icon: 'code' },
  { id: 'run', label: 'Run', icon: 'activity' },
];

export function BottomBar() {
  useEffect(() => {
    document.body.dataset.pane = pane.value;
  }, [pane.value]);
  return (
    <>
      {PANES.map((p) => (
        <button key={p.id} type="button" class="bottom-pane" aria-current={pane.value === p.id ? 'true' : undefined} onClick={() => (pane.value = p.id)}>
          <Icon name={p.icon} />
          {p.label}
        </button>
      ))}
      <RunButton />
    </>
  );
}
