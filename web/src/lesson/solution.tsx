// The reference solution: locked until a run has finished, then one deliberate
// click away.
import { useSignal } from '@preact/signals';
import { revealSolution } from '../actions';
import { Diffs, type Changed } from '../code/diff';
import { Icon } from '../shell/icon';
import { finished, solution } from '../store';

type Files = { path: string; starter: string; text: string }[];
const changes = (files: Files): Changed[] => files.map((f) => ({ path: f.path, before: f.starter, after: f.text }));

export function SolutionPanel() {
  const loading = useSignal(false);
  const s = solution.value;
  if (!finished.value) {
    return (
      <div class="empty">
        <h2>
          <Icon name="lock" />
          Opens after your first finished run
        </h2>
        <p>Measure once before you read it: the numbers of the starter are half of the lesson.</p>
      </div>
    );
  }
  if (!s) {
    const reveal = async () => {
      loading.value = true;
      await revealSolution();
      loading.value = false;
    };
    return (
      <div class="empty">
        <h2>The reference solution is open</h2>
        <p>It shows one good fix, what it costs, and what it leaves slow. Your own runs stay as they are.</p>
        <p class="buttons">
          <button type="button" class="button" disabled={loading.value} onClick={() => void reveal()}>
            <Icon name="eye" />
            {loading.value ? 'Loading…' : 'Reveal the solution'}
          </button>
        </p>
      </div>
    );
  }
  return (
    <div class="solution">
      <h2>The reference solution</h2>
      <Diffs files={changes(s.files)} none="The solution changes no file." />
      <div class="prose" dangerouslySetInnerHTML={{ __html: s.html }} />
      {s.also.length > 0 && (
        <details class="hint">
          <summary>
            <Icon name="chevron-right" />
            Another fix that also passes
          </summary>
          <Diffs files={changes(s.also)} none="It changes no file." />
        </details>
      )}
    </div>
  );
}
