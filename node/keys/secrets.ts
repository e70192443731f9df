/** Secrets that the cluster's own actors and rows keep, and that are used as they are: seeds of one-time codes,
 *  passwords for other servers. They are sealed before they are in a journal or a row.
 *
 *  The key is kept by `secrets-key.ts`. So a journal, a copy of one, the directory, or all of them without the key of a
 *  node shows no secret. */
import { contextBytes, deriveKey, sealerOf, type Sealer } from "./cipher.ts";
import type { SecretsKey } from "./secrets-key.ts";

/** Seals and opens. Both reject as `SecretsKey.read` does. */
export interface Secrets {
  /** What is sealed opens only with the same context. */
  seal(text: string, context: readonly string[]): Promise<string>;
  /** Undefined: not sealed by this cluster, or for another context. */
  open(sealed: string, context: readonly string[]): Promise<string | undefined>;
}

/** Makes them. */
export function createSecrets(key: Pick<SecretsKey, "read">): Secrets {
  let known: Promise<Sealer> | undefined;
  const find = async (): Promise<Sealer> => sealerOf(deriveKey(await key.read(), "secrets"));
  const sealer = (): Promise<Sealer> => {
    known ??= find().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };

  return {
    async seal(text, context) {
      return (await sealer()).seal(Buffer.from(text), contextBytes(context)).toString("base64url");
    },
    async open(sealed, context) {
      return (await sealer()).open(Buffer.from(sealed, "base64url"), contextBytes(context))?.toString();
    },
  };
}
