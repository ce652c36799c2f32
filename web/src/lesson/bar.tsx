// The tabs of the left pane. The panels are the server's; this shows one.
import { useEffect } from 'preact/hooks';
import { Icon } from '../shell/icon';
import { Tabs } from '../shell/tabs';
import { finished, lessonTab, runs, type LessonTab } from '../store';

const PANELS: LessonTab[] = ['lesson', 'runs', 'solution'];

export function LessonBar() {
  const selected = lessonTab.value;
  useEffect(() => {
    for (const id of PANELS) document.getElementById(`${id}-panel`)!.hidden = id !== selected;
  }, [selected]);
  const labels = {
    lesson: 'Lesson',
    runs: (
      <>
        Runs{runs.value.length > 0 && <span class="tag number">{runs.value.length}</span>}
      </>
    ),
    solution: (
      <>
        Solution{!finished.value && <Icon name="lock" />}
      </>
    ),
  };
  return (
    <Tabs
      prefix="tab"
      label="Lesson"
      selected={selected}
      onSelect={(id) => (lessonTab.value = id)}
      tabs={PANELS.map((id) => ({ id, label: labels[id], controls: `${id}-panel` }))}
    />
  );
}
