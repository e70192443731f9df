/** Many pieces of bytes as one, so that a thread is given them without a copy of each. */
export interface Joined {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

/** Joins pieces in a buffer of their own. */
export function join(pieces: readonly Uint8Array[]): Joined {
  const lengths = pieces.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return { bytes, lengths };
}

/** The pieces again, without copies. */
export function parted({ bytes, lengths }: Joined): readonly Uint8Array[] {
  let offset = 0;
  return lengths.map((length) => bytes.subarray(offset, (offset += length)));
}
