// Decoders for what comes over the wire: each checks the shape it names, keeps
// the fields it knows, and says where a message departs from the contract.

export type Decoder<T> = (value: unknown, at: string) => T;
export type Of<D> = D extends Decoder<infer T> ? T : never;

/** A message that does not have the agreed shape. */
export class WireError extends Error {
  constructor(at: string, want: string, got: unknown) {
    super(`${at}: expected ${want}, got ${got === null ? 'null' : Array.isArray(got) ? 'a list' : typeof got}`);
  }
}

const primitive =
  <T>(name: string): Decoder<T> =>
  (value, at) => {
    if (typeof value !== name) throw new WireError(at, name, value);
    return value as T;
  };

export const string = primitive<string>('string');
export const number = primitive<number>('number');
export const boolean = primitive<boolean>('boolean');

export function oneOf<const T extends string>(...words: T[]): Decoder<T> {
  return (value, at) => {
    if (!words.includes(value as T)) throw new WireError(at, words.join(' or '), value);
    return value as T;
  };
}

/** A list; Go writes an empty one as null where it never made it. */
export function list<T>(item: Decoder<T>): Decoder<T[]> {
  return (value, at) => {
    if (value === null) return [];
    if (!Array.isArray(value)) throw new WireError(at, 'a list', value);
    return value.map((v, i) => item(v, `${at}[${i}]`));
  };
}

export function record<T>(item: Decoder<T>): Decoder<Record<string, T>> {
  return (value, at) => {
    if (value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) throw new WireError(at, 'an object', value);
    return Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, item(v, `${at}.${k}`)]));
  };
}

export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (value, at) => (value === null ? null : inner(value, at));
}

/** A field that may be absent. */
export function optional<T>(inner: Decoder<T>): Decoder<T | undefined> {
  return (value, at) => (value === undefined ? undefined : inner(value, at));
}

type Shape = Record<string, Decoder<unknown>>;
type Optional<S extends Shape> = { [K in keyof S]: undefined extends Of<S[K]> ? K : never }[keyof S];
type Struct<S extends Shape> = { [K in Exclude<keyof S, Optional<S>>]: Of<S[K]> } & { [K in Optional<S>]?: Of<S[K]> };

export function object<S extends Shape>(shape: S): Decoder<Struct<S>> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError(at, 'an object', value);
    const out: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(shape)) {
      const v = field((value as Record<string, unknown>)[key], `${at}.${key}`);
      if (v !== undefined) out[key] = v;
    }
    return out as Struct<S>;
  };
}
