/** How fast a model is, as it is told to other nodes: about, and anew only when it is clearly another. Pure.
 *
 *  A node says it in its row of the directory, which every node follows: a figure that moves with each call would be a
 *  write with each. */

/** A speed is told anew when it is so many times the one that was told, or the one that was told so many times it. */
const clearly = 1.4;

/** What is told of a measured speed, in tokens a second of one call. */
export function toldPace(measured: number | undefined, told: number | undefined): number | undefined {
  if (measured === undefined || !(measured > 0) || !Number.isFinite(measured)) return told;
  const isSame = told !== undefined && measured < told * clearly && told < measured * clearly;
  return isSame ? told : Number(measured.toPrecision(2));
}
