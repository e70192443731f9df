/** How bulk becomes shards and back: pure, bytes in and bytes out. Docs: decision 0050, docs/backup/README.md.
 *
 *      bytes ─ schemeFor ─► scheme ─ codeStripe ─► shards ─ chooseHolders ─► who gets which
 *      shards, any that suffice ─ readStripe ─► bytes                 ─ remakeShard ─► the one that is lost
 *
 *  `field.ts` and `kernel.ts` compute, `reed-solomon.ts` is the code, `mask.ts` makes copies differ, `header.ts` is the
 *  format of a shard, `stripe.ts` puts these together. `scheme.ts` and `choose.ts` decide how and where.
 *
 *  Read scheme.ts, stripe.ts, header.ts, choose.ts. */

export { chooseHolders, type Candidate } from "./choose.ts";
export { headerBytes, readHeader } from "./header.ts";
export { countsOf, enoughOf, partBytes, schemeFor, schemeText, namesOfClass, usualOf, widthOf } from "./scheme.ts";
export { codedBytes, codeStripe, codingStripe, isAsCoded, readStripe, remakeShard } from "./stripe.ts";
