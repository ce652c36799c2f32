// Changes in a list of files, each drawn by the editor's own diff view.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export interface Changed {
  path: string;
  before: string;
  after: string;
}

export function Diffs({ files, none }: { files: Changed[]; none: string }) {
  const changed = files.filter((f) => f.before !== f.after);
  if (!changed.length) return <p class="quiet">{none}</p>;
  return (
    <>
      {changed.map((f) => (
        <Diff key={f.path} {...f} />
      ))}
    </>
  );
}

function Diff({ path, before, after }: Changed) {
  const el = useRef<HTMLDivElement>(null);
  const state = useSignal<'loading' | 'ready' | 'failed'>('loading');
  useEffect(() => {
    let gone = false;
    let remove = () => {};
    import('./editor').then(
      ({ mountDiff }) => {
        if (gone) return;
        state.value = 'ready';
        remove = mountDiff(el.current!, { path, before, after, nonce: document.body.dataset.nonce ?? '' });
      },
      () => (state.value = 'failed'),
    );
    return () => {
      gone = true;
      remove();
    };
  }, [path, before, after]);
  return (
    <figure class="diff">
      <figcaption>
        {path}
        {before === '' && <span>new file</span>}
        {after === '' && <span>removed</span>}
      </figcaption>
      {state.value === 'loading' && <p class="quiet">Loading…</p>}
      {state.value === 'failed' && <pre tabIndex={0}>{after}</pre>}
      <div ref={el} />
    </figure>
  );
}
