// Scales: which range a chart spans, and where its lines and labels go.

/** Log ranges start and end at 1 or 3 times a power of ten. */
export function logRange(low: number, high: number): [number, number] {
  const steps = halfDecades(low / 4, high * 4);
  const from = steps.findLast((s) => s <= low) ?? steps[0]!;
  const to = steps.find((s) => s >= high) ?? steps.at(-1)!;
  return [from, to > from ? to : from * 10];
}

/** 1, 3, 10, 30, … within a range. */
export function halfDecades(low: number, high: number): number[] {
  const out = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const m of [1, 3]) {
      const v = Number(`${m}e${e}`);
      if (v >= low && v <= high) out.push(v);
    }
  }
  return out;
}

/** A round step that splits a span into at most `most` parts. */
export function roundStep(span: number, most: number): number {
  const raw = span / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9)) ?? 10);
}

export function ticksTo(high: number, step: number): number[] {
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
}
