// One redraw for each animation frame, however many messages arrived.

type Draw = () => void;
const draws = new Set<Draw>();
let asked = false;

/** Registers what is drawn on canvas; the answer takes it off again. */
export function onFrame(draw: Draw): () => void {
  draws.add(draw);
  return () => draws.delete(draw);
}

export function requestFrame(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const draw of draws) draw();
  });
}
