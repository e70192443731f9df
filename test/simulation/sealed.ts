/** A disk that is encrypted while the node runs, and checkers that see through it. */
import { diskKeyOf } from "../../node/keys/disk-key.ts";
import { openedRow, sealedKey } from "../../node/keys/sealed-store.ts";
import type { Lens } from "../world/index.ts";

export const diskKey = diskKeyOf(Buffer.alloc(32, 1));

/** What was written before it was sealed. */
export const lens: Lens = (key, value) => (key === sealedKey ? undefined : (openedRow(diskKey, key, value) ?? value));
