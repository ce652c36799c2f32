// Fuzzy search: letters in order, better when they follow each other or start
// a word.

/** The items whose text holds the typed letters in order, best first. */
export function matches<T>(typed: string, items: T[], text: (item: T) => string): T[] {
  const query = typed.toLowerCase().replaceAll(' ', '');
  if (!query) return items;
  return items
    .map((item) => ({ item, score: score(query, text(item).toLowerCase()) }))
    .filter((m) => m.score >= 0)
    .sort((a, b) => b.score - a.score)
    .map((m) => m.item);
}

function score(query: string, text: string): number {
  let total = text.includes(query) ? query.length : 0;
  let last = -1;
  for (const letter of query) {
    const i = text.indexOf(letter, last + 1);
    if (i < 0) return -1;
    if (i === last + 1) total += 2;
    else if (text[i - 1] === ' ') total += 1.5;
    last = i;
  }
  return total;
}
