/** The topics of both sides of the relay: filed by slot, sent in batches. */
/** Adds to the set of a key. */
export function putIn<Key, Value>(index: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const present = index.get(key);
  if (present) present.add(value);
  else index.set(key, new Set([value]));
}

/** Removes from the set of a key, and the key with the last of it. */
export function takeOut<Key, Value>(index: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const present = index.get(key);
  if (present?.delete(value) && present.size === 0) index.delete(key);
}

/** Pieces of a list, none longer than `size`. */
export function* batches<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
