/** Secrets that follow from the seed: where a shard lies depends on every key and nonce, so a seed would else never be
 *  the same run twice. */
import crypto, { createCipheriv, createHash } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { sealerOf } from "../../../node/keys/cipher.ts";
import { SharedMemory, SharedPieces } from "../../../runtimes/backup/index.ts";
import { seal } from "../../../runtimes/backup/thread.ts";

/** Runs something whose random bytes are those of a seed. Nothing else may draw any meanwhile. */
export async function withSecretsOf<Answer>(seed: number, work: () => Promise<Answer>): Promise<Answer> {
  const { randomBytes, randomFillSync } = crypto;
  const stream = createCipheriv(
    "aes-256-ctr",
    createHash("sha256").update(`secrets ${seed}`).digest(),
    Buffer.alloc(16),
  );
  const draw = (count: number): Buffer => Buffer.from(stream.update(Buffer.alloc(count)));
  let filled = 0;
  const fill = (into: Buffer): Buffer => {
    filled += 1;
    draw(into.length).copy(into);
    return into;
  };
  Object.assign(crypto, { randomBytes: draw, randomFillSync: fill });
  syncBuiltinESMExports();
  try {
    // Nonces and keys are drawn ahead: those that another seed has left are used up.
    const sealer = sealerOf(Buffer.alloc(32));
    while (filled === 0) sealer.seal(Buffer.alloc(1), Buffer.alloc(0));
    // The second time they run out in the middle of a unit, wherever they were before.
    const name = { cluster: "", person: "", thread: "", type: "", bucket: "", part: 0 };
    const contents = SharedPieces.of([Buffer.alloc(1)]).joined;
    while (filled < 3) seal({ names: [name], contents, room: new SharedMemory().all, epoch: 1, fragments: 3 });
    return await work();
  } finally {
    Object.assign(crypto, { randomBytes, randomFillSync });
    syncBuiltinESMExports();
  }
}
