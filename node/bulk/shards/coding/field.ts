/** The field with 256 elements that Reed–Solomon computes in, and the code's matrix.
 *
 *      a + b = a xor b        a · b: product of polynomials modulo x⁸ + x⁴ + x³ + x² + 1 (0x11d); 2 generates all but 0
 *
 *  The shards of a stripe are its k data shards, then m parity shards:
 *
 *      shard i = Σ row(i)[j] · data j    row(i) for i < k: 1 at i, else 0    row(i) for i ≥ k: 1 / (i xor j)   (Cauchy)
 *
 *  Any k of these rows can be inverted, since no i ≥ k is a j < k. Plank and Xu, "Optimizing Cauchy Reed-Solomon codes"
 *  (2006). */
import { assert } from "../../../../protocols/index.ts";

const polynomial = 0x11d;

const powers = new Uint8Array(510);
const logarithms = new Uint8Array(256);
for (let exponent = 0, power = 1; exponent < 255; exponent += 1) {
  powers[exponent] = power;
  powers[exponent + 255] = power;
  logarithms[power] = exponent;
  power = (power << 1) ^ (power & 0x80 ? polynomial : 0);
}

/** A product in the field. */
export const product = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (powers[(logarithms[a] as number) + (logarithms[b] as number)] as number);

/** What gives 1 when multiplied with an element that is not 0. */
export function inverse(a: number): number {
  assert(a > 0 && a < 256, "only elements but 0 have an inverse");
  return powers[255 - (logarithms[a] as number)] as number;
}

export type Row = Uint8Array;

/** What a shard is made of: its factor of each data shard. */
export function rowOf(index: number, k: number): Row {
  assert(index >= 0 && index < 256 && k > 0, "the field has as many shards");
  return Uint8Array.from({ length: k }, (_, at) => (index < k ? Number(index === at) : inverse(index ^ at)));
}

/** A row times a matrix. */
function times(row: Row, matrix: readonly Row[]): Row {
  const width = matrix[0]?.length ?? 0;
  const result = new Uint8Array(width);
  for (const [at, factor] of row.entries())
    for (let column = 0; column < width; column += 1)
      result[column] = (result[column] as number) ^ product(factor, (matrix[at] as Row)[column] as number);
  return result;
}

/** Gauss and Jordan. */
function inverted(matrix: readonly Row[]): readonly Row[] {
  const size = matrix.length;
  const work = matrix.map((row, at) => Uint8Array.of(...row, ...rowOf(at, size)));
  for (let at = 0; at < size; at += 1) {
    const pivot = work.findIndex((row, line) => line >= at && row[at] !== 0);
    assert(pivot >= 0, "any k rows of the code can be inverted");
    [work[at], work[pivot]] = [work[pivot] as Row, work[at] as Row] as [
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>,
    ];
    const line = work[at] as Row;
    const scale = inverse(line[at] as number);
    for (let column = 0; column < 2 * size; column += 1) line[column] = product(scale, line[column] as number);
    for (const [other, row] of work.entries()) {
      const factor = row[at] as number;
      if (other === at || factor === 0) continue;
      for (let column = 0; column < 2 * size; column += 1)
        row[column] = (row[column] as number) ^ product(factor, line[column] as number);
    }
  }
  return work.map((row) => row.subarray(size));
}

/** What some shards are made of, given k others: for each wanted one its factor of each of the others. */
export function rowsFrom(have: readonly number[], wanted: readonly number[]): readonly Row[] {
  const k = have.length;
  assert(new Set(have).size === k, "each shard is given once");
  const data = inverted(have.map((index) => rowOf(index, k)));
  return wanted.map((index) => times(rowOf(index, k), data));
}
