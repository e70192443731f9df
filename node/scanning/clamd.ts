/** The client of clamd: one connection for each question, as the manual page clamd(8) has it.
 *
 *      zPING\0      ─► PONG\0
 *      zVERSION\0   ─► ClamAV 1.4.3/…\0
 *      zINSTREAM\0  ─► (length, 4 bytes, the first one the highest; bytes)… 0 0 0 0 ─► stream: OK\0
 *                                                                             or stream: NAME FOUND\0
 *                                                                             or … ERROR\0 */
import { connect, type Socket } from "node:net";
import { failure, ok, refused, type Failure, type Result, type ScanAnswer } from "../../protocols/index.ts";
import type { Clock } from "../ports/index.ts";
import { scanningLimits, type ScanningLimits } from "./limits.ts";

/** Where a clamd listens. */
type ClamdPlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** A scanner. No question rejects. */
export interface Clamd {
  /** Its version, once it has looked at something harmless and found nothing: one that fails at every file says its
   *  version all the same. Error: SCAN_FAILED, with `isLate` where it took too long. */
  works(): Promise<Result<string>>;
  /** Errors: SCAN_FAILED, SCAN_TOO_LARGE, UNREACHABLE (the bytes cannot be read). */
  scan(bytes: AsyncIterable<Uint8Array>, ended: AbortSignal): Promise<Result<ScanAnswer>>;
}

/** So much is written until it is looked whether clamd has said something: one that has had enough answers and closes
 *  the connection, and who goes on writing then may lose the answer. */
const pieceBytes = 64 * 1024;

const failed = (reason: string): Result<never> => refused(failure("SCAN_FAILED", { reason }));

/** The client. */
export function createClamd(
  place: ClamdPlace,
  clock: Pick<Clock, "after" | "soon">,
  limits: ScanningLimits = scanningLimits,
): Clamd {
  /** Asks, and resolves with the answer. Rejects where there is none. */
  async function ask(
    command: string,
    send: (write: (bytes: Uint8Array) => Promise<boolean>) => Promise<void>,
    ended?: AbortSignal,
  ): Promise<string> {
    const socket = connect(place);
    const answer = answerOf(socket, limits.scannerAnswerBytesMax);
    let cancel = clock.after(limits.scannerConnectMs, () => socket.destroy(new Error("it takes no connection")));
    const heard = (): void => {
      cancel();
      cancel = clock.after(limits.scannerSilentMs, () => socket.destroy(new Error("it says nothing")));
    };
    const stop = (): void => void socket.destroy(new Error("it is not wanted any more"));
    ended?.addEventListener("abort", stop);
    socket.once("connect", heard);
    try {
      const write = async (bytes: Uint8Array): Promise<boolean> => {
        await written(socket, bytes, answer);
        heard();
        await new Promise<void>((resolve) => clock.soon(resolve));
        return !answer.isHere();
      };
      const sent = (async () => {
        if (await write(Buffer.from(`z${command}\0`))) await send(write);
      })();
      // An answer that comes before all is sent is the answer; bytes that cannot be read end it all.
      await Promise.race([answer.whole, sent.then(() => answer.whole)]);
      return await answer.whole;
    } finally {
      cancel();
      ended?.removeEventListener("abort", stop);
      socket.destroy();
    }
  }

  const version = async (): Promise<Result<string>> => {
    try {
      return ok(await ask("VERSION", async () => undefined));
    } catch (error) {
      return failed(reasonOf(error));
    }
  };
  const clamd: Clamd = {
    async works() {
      const said = await version();
      if (!said.ok) return said;
      const late = new AbortController();
      const cancel = clock.after(limits.scannerTrialMs, () => late.abort());
      const looked = await clamd.scan(harmless(), late.signal);
      cancel();
      if (late.signal.aborted) return refused(failure("SCAN_FAILED", { reason: "it takes too long", isLate: true }));
      if (!looked.ok) return failed(`it fails at a harmless file: ${whyOf(looked.error)}`);
      const { signature } = looked.value;
      return signature === undefined ? said : failed(`it takes a harmless file for ${signature}`);
    },
    async scan(bytes, ended) {
      /** The bytes cannot be read: that is no trouble of the scanner. */
      let unread: unknown;
      try {
        const said = await ask(
          "INSTREAM",
          async (write) => {
            for await (const piece of readable(bytes, (error) => (unread = error))) {
              const length = Buffer.alloc(4);
              length.writeUInt32BE(piece.length);
              if (!(await write(Buffer.concat([length, piece])))) return;
            }
            await write(Buffer.alloc(4));
          },
          ended,
        );
        return verdictOf(said);
      } catch (error) {
        if (unread === undefined) return failed(reasonOf(error));
        return refused(failure("UNREACHABLE", { reason: `the file cannot be read: ${reasonOf(unread)}` }));
      }
    },
  };
  return clamd;
}

async function* harmless(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("Plexus looks whether files are looked at.\n");
}

/** Why a scanner did not answer, in words. */
export function whyOf({ details, message }: Failure): string {
  const reason = details?.["reason"];
  return typeof reason === "string" ? reason : message;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The bytes in pieces; says when they end with an error. */
async function* readable(
  bytes: AsyncIterable<Uint8Array>,
  broke: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const some of bytes)
      for (let at = 0; at < some.length; at += pieceBytes) yield some.subarray(at, at + pieceBytes);
  } catch (error) {
    broke(error);
    throw error;
  }
}

/** What an answer to INSTREAM means. */
export function verdictOf(said: string): Result<ScanAnswer> {
  if (said === "stream: OK") return ok({});
  const [, signature] = /^stream: (.+) FOUND$/.exec(said) ?? [];
  if (signature !== undefined) return ok({ signature });
  if (said.startsWith("INSTREAM size limit exceeded")) return refused(failure("SCAN_TOO_LARGE"));
  return failed(`it said: ${said.slice(0, 200)}`);
}

/** Resolves when the bytes are on their way, or an answer is here; rejects when they cannot be sent. */
const written = (socket: Socket, bytes: Uint8Array, answer: ReturnType<typeof answerOf>): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(bytes, (error) =>
      error === undefined || error === null || answer.isHere() ? resolve() : reject(error),
    );
  });

/** What comes back, up to the zero at its end. */
function answerOf(socket: Socket, bytesMax: number) {
  const { promise: whole, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  let isHere = false;
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => {
    text += piece;
    const end = text.indexOf("\0");
    if (end >= 0) {
      isHere = true;
      resolve(text.slice(0, end));
    } else if (text.length > bytesMax) socket.destroy(new Error("its answer has no end"));
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("it closed the connection without an answer")));
  // It is waited for below, maybe not before it fails.
  whole.catch(() => undefined);
  return { whole, isHere: () => isHere };
}
