// Hints open in order, one after the other; each opening is recorded.
import { openHint } from '../actions';
import { Icon } from '../shell/icon';
import { boot, hints } from '../store';

export function Hints() {
  const { count } = boot.hints;
  const opened = hints.value;
  if (!count) return null;
  return (
    <section class="hints" aria-labelledby="hints-title">
      <h2 id="hints-title">Hints</h2>
      {Array.from({ length: count }, (_, i) => {
        const n = i + 1;
        const hint = opened[i];
        const place = <span class="number">{`${n} of ${count}`}</span>;
        if (hint) {
          return (
            <details key={n} class="hint" open={n === opened.length}>
              <summary>
                <Icon name="chevron-right" />
                {hint.title}
                {place}
              </summary>
              <div class="prose" dangerouslySetInnerHTML={{ __html: hint.html }} />
            </details>
          );
        }
        if (i === opened.length) {
          return (
            <button key={n} type="button" class="hint next" onClick={() => void openHint(n)}>
              <Icon name="lightbulb" />
              {n === 1 ? 'Show the first hint' : 'Show the next hint'}
              {place}
            </button>
          );
        }
        return (
          <p key={n} class="hint locked">
            <Icon name="lock" />
            Opens after hint {n - 1}
            {place}
          </p>
        );
      })}
    </section>
  );
}
