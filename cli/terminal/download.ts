/** What a node gives as a file: it may be larger than an answer that a command keeps in memory. */
import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { failure, ok, PlexusError, refused, type Result } from "../../protocols/errors.ts";
import { plexusMark, readAnswer, stranger } from "../../protocols/wire/plexus-answer.ts";
import { demand } from "../node/admin.ts";
import type { Target } from "../node/target.ts";
import { openRequest } from "../node/node-request.ts";
import { describeRefusal } from "./output.ts";

/** Writes it into a new file that nobody else on this machine may read, or to the standard output. Errors: those of the
 *  node, UNREACHABLE, BAD_REQUEST (the file cannot be written). */
export async function download(target: Target, path: string, file: string | undefined): Promise<void> {
  let answer = await ask(target, path);
  if (!answer.ok && answer.error.code === "SIGN_IN_AGAIN" && target.confirm !== undefined) {
    demand(await target.confirm());
    answer = await ask(target, path);
  }
  const bytes = demand(answer);
  const out = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600, flags: "wx" });
  await pipeline(bytes, out, { end: file !== undefined }).catch((error: NodeJS.ErrnoException) => {
    // The reader has enough: `| head`.
    if (error.code === "EPIPE") return;
    const isOfDisk = error.syscall === "open" || error.syscall === "write";
    throw new PlexusError(
      isOfDisk
        ? failure("BAD_REQUEST", { path: file ?? "standard output", problem: describeRefusal(error) })
        : failure("UNREACHABLE", { url: target.url, reason: error.message }),
      error,
    );
  });
}

async function ask(target: Target, path: string): Promise<Result<AsyncIterable<Uint8Array>>> {
  const { url } = target;
  const request = openRequest(target, path, { method: "GET", headers: {} });
  const answer = await new Promise<IncomingMessage | Error>((resolve) => {
    request.once("response", resolve).once("error", resolve).end();
  });
  if (answer instanceof Error) return refused(failure("UNREACHABLE", { url, reason: answer.message }));
  const { statusCode: status = 0 } = answer;
  const isMarked = plexusMark in answer.headers;
  if (isMarked && status >= 200 && status < 300) return ok(answer);
  const body = await text(answer).catch(() => "");
  const read = readAnswer<never>(url, { status, text: body, location: answer.headers.location, isMarked });
  return read.ok ? refused(stranger(url, status)) : read;
}
