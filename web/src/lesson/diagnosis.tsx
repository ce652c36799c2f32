// The question before the first edit: answered once, kept, and explained.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { answer, start } from '../actions';
import { Icon } from '../shell/icon';
import { asksFirst, diagnosis, diagnosisWanted } from '../store';

export function DiagnosisCard() {
  const d = diagnosis.value;
  const picked = useSignal<number | null>(null);
  const card = useRef<HTMLElement>(null);
  const wanted = diagnosisWanted.value;
  useEffect(() => {
    if (!wanted) return;
    card.current?.scrollIntoView({ block: 'center' });
    card.current?.querySelector<HTMLElement>('input')?.focus();
  }, [wanted]);
  if (!d.question) return null;
  const done = d.answered !== null;
  const submit = (e: Event) => {
    e.preventDefault();
    if (picked.value !== null) void answer(picked.value);
  };
  return (
    <section class={`card diagnosis${wanted ? ' wanted' : ''}`} ref={card} aria-labelledby="diagnosis-title">
      <h2 id="diagnosis-title">
        {done ? 'Your diagnosis' : 'First, your diagnosis'}
        <span>{done ? (d.correct ? 'right' : 'not this time') : 'the first answer counts'}</span>
      </h2>
      <form onSubmit={submit}>
        <fieldset disabled={done}>
          <legend>{d.question}</legend>
          {d.options.map((option, i) => (
            <label key={option} class={optionClass(i, d.answer, d.answered)}>
              <input type="radio" name="diagnosis" value={i} checked={(done ? d.answered : picked.value) === i} onChange={() => (picked.value = i)} />
              <span>{option}</span>
              {done && i === d.answer && <Icon name="check" tone="good" />}
              {done && i === d.answered && i !== d.answer && <Icon name="x" tone="worse" />}
            </label>
          ))}
        </fieldset>
        {done ? (
          <p class="why">{d.why}</p>
        ) : (
          <p class="buttons">
            <button class="button primary" type="submit" disabled={picked.value === null}>
              Answer
            </button>
            {wanted && (
              <button class="button" type="button" onClick={() => void start(true)}>
                Run without answering
              </button>
            )}
          </p>
        )}
        {done && wanted && (
          <p class="buttons">
            <button class="button primary" type="button" onClick={() => void start(true)}>
              <Icon name="play" />
              Run now
            </button>
          </p>
        )}
      </form>
      {!done && !wanted && asksFirst.value && <p class="quiet">Read the lesson and look at the code before you answer. Run asks for it once.</p>}
    </section>
  );
}

function optionClass(i: number, right: number | null, answered: number | null): string {
  if (answered === null) return 'option';
  if (i === right) return 'option right';
  return i === answered ? 'option wrong' : 'option';
}
