// An icon of the sprite that the server puts into each page.
export function Icon({ name, tone }: { name: string; tone?: string }) {
  return (
    <svg class={tone ? `icon ${tone}` : 'icon'} viewBox="0 0 24 24" aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}
