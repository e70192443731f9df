/** The keys by which browsers and their push services know this cluster: one row of the directory, made when they are
 *  first needed. The private one is sealed with the cluster's key. They stay: each browser takes notices of one key. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import type { Directory } from "../../ports/index.ts";
import type { Seals } from "./secrets.ts";

const row = "keys/push";
const isRow = checkOf(
  Type.Object({ publicKey: Type.String({ maxLength: 100 }), sealed: Type.String({ maxLength: 8_192 }) }),
);

/** A pair. */
interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Gives them. Rejects with DIRECTORY_UNAVAILABLE, and where the cluster's key does not open them. */
export function pushKeys(
  directory: Pick<Directory, "read" | "compareAndSet">,
  seals: Seals,
  make: () => KeyPair,
): () => Promise<KeyPair> {
  let known: KeyPair | undefined;
  const kept = async (): Promise<KeyPair | undefined> => {
    const found = await directory.read(row);
    if (found === undefined || !isRow.Check(found.value)) return undefined;
    const { publicKey, sealed } = found.value;
    const privateKey = await seals.open(sealed, ["push", publicKey]);
    if (privateKey === undefined) throw new Error("the key of web push does not open with the cluster's key");
    return { publicKey, privateKey };
  };
  return async () => {
    known ??= await kept();
    if (known !== undefined) return known;
    const made = make();
    const sealed = await seals.seal(made.privateKey, ["push", made.publicKey]);
    await directory.compareAndSet(row, { publicKey: made.publicKey, sealed }, 0);
    // Another node may have been first.
    known = await kept();
    if (known === undefined) throw new Error("the key of web push could not be kept");
    return known;
  };
}
