/** People who sign in at once, in a process of their own: in the process that measures, their thousand requests would
 *  hold up the clock of the one who is measured. They are elsewhere in a real storm, so they have less priority here. */
import { request } from "node:http";
import { constants, setPriority } from "node:os";
import { serve } from "./serve.ts";

setPriority(0, constants.priority.PRIORITY_LOW);

/** Who signs in, and where. */
export interface Storm {
  readonly port: number;
  readonly people: number;
  /** Accounts that they have; each of them signs in on several devices. */
  readonly accounts: number;
}

const pauseMs = 500;

/** One sign-in from an address of this machine, again until the node takes it. Resolves with how often it was sent
 *  back. */
async function signInUntilIn({ port, accounts }: Storm, person: number): Promise<number> {
  const body = JSON.stringify({ name: `bench${1 + (person % accounts)}`, password: "correct horse battery" });
  const localAddress = `127.0.${20 + Math.floor(person / 200)}.${1 + (person % 200)}`;
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const options = { host: "127.0.0.1", port, path: "/api/v1/sign-in", method: "POST", localAddress, headers };
  for (let refused = 0; ; refused += 1) {
    const { status, waitMs } = await new Promise<{ status: number; waitMs: number }>((resolve, reject) => {
      const sent = request({ ...options, agent: false }, (response) => {
        response.resume();
        const waitMs = Number(response.headers["retry-after"] ?? 0) * 1_000;
        response.on("end", () => resolve({ status: response.statusCode ?? 0, waitMs }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
    if (status === 200) return refused;
    if (status !== 503 && status !== 429) throw new Error(`a sign-in ended with ${status}`);
    await new Promise((resolve) => setTimeout(resolve, waitMs + pauseMs * (0.5 + Math.random())));
  }
}

let storm: { readonly done: Promise<number>; isOver: boolean } | undefined;

serve({
  begin(of: Storm) {
    const all = Array.from({ length: of.people }, (_, one) => signInUntilIn(of, one));
    const done = Promise.all(all).then((refused) => refused.reduce((sum, one) => sum + one, of.people));
    const begun = { done, isOver: false };
    storm = begun;
    void done.then(
      () => (begun.isOver = true),
      () => (begun.isOver = true),
    );
  },
  isOver: () => storm?.isOver === true,
  /** How many requests it was, once it is over. */
  tries: () => storm?.done,
});
