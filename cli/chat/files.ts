/** `/attach PATH` and `/save N`: files of this machine in a room or a conversation, and files of a room on this
 *  machine. What a file is called was said by somebody else: it becomes a name in one folder, and nothing that is there
 *  is written over. */
import { once } from "node:events";
import { open, stat, unlink } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { failure, type Failure } from "../../protocols/errors.ts";
import { ok, refused } from "../../protocols/errors.ts";
import type { Result, RoomFile } from "../../protocols/index.ts";
import { wireLimits } from "../../protocols/limits.ts";
import { plexusMark, readAnswer } from "../../protocols/wire/plexus-answer.ts";
import { cliLimits } from "../limits.ts";
import { openRequest } from "../node/node-request.ts";

/** Sends and fetches files. */
export interface FilePort {
  /** Sends a file for a room, or for a conversation (`agent/…`); answers with its id, which a post names. Errors:
   *  NOT_FOUND (`path`), the node's. */
  send(path: string, target: string): Promise<Result<string>>;
  /** Writes a file into the folder where the command was begun; answers with its name there. */
  save(file: RoomFile, room: string): Promise<Result<string>>;
}

interface Asked {
  readonly method: "POST" | "PATCH" | "HEAD" | "GET" | "DELETE";
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array;
}

/** The files of a node, as one person sends and fetches them. */
export function filesOf(at: () => { readonly url: string; readonly token: string }, folder = "."): FilePort {
  /** Resolves with an answer that is none of a refusal, its body unread. */
  async function ask(path: string, { method, headers = {}, body }: Asked): Promise<Result<IncomingMessage>> {
    const { url } = at();
    try {
      const length = method === "POST" || body !== undefined ? { "content-length": body?.length ?? 0 } : {};
      const request = openRequest(at(), path, { method, headers: { ...headers, ...length } });
      request.setTimeout(cliLimits.requestTimeoutMs, () => request.destroy(new Error("no answer in time")));
      request.end(body);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      const { statusCode: status = 0 } = response;
      if (status >= 200 && status < 300 && plexusMark in response.headers) return ok(response);
      let text = "";
      for await (const piece of response) if (text.length < wireLimits.frameBytesMax) text += String(piece);
      const answer = readAnswer<never>(url, { status, text, isMarked: false });
      return answer.ok ? refused(failure("UNREACHABLE", { url })) : answer;
    } catch (error) {
      return refused(failure("UNREACHABLE", { url, reason: String((error as Error).message) }));
    }
  }

  const tus = { "tus-resumable": "1.0.0" };
  const offsetIn = (response: IncomingMessage): number => Number(response.headers["upload-offset"] ?? NaN);

  return {
    async send(path, target) {
      // A pipe would be waited for when it is opened.
      const known = await stat(path).catch(() => undefined);
      const file = known?.isFile() === true ? await open(path).catch(() => undefined) : undefined;
      if (file === undefined) return refused(noFile(path));
      try {
        const { size } = await file.stat();
        const said = (name: string, value: string) => `${name} ${Buffer.from(value).toString("base64")}`;
        const metadata = [said("filename", basename(path)), said(...whose(target))].join(",");
        const made = await ask("/api/v1/files/uploads", {
          method: "POST",
          headers: { ...tus, "upload-length": size, "upload-metadata": metadata },
        });
        if (!made.ok) return made;
        made.value.resume();
        const id = made.value.headers.location?.split("/").at(-1) ?? "";
        const upload = `/api/v1/files/uploads/${id}`;
        const piece = Buffer.alloc(wireLimits.filePartBytes);
        // What stays at the node would be in the way of what the person sends next.
        const giveUp = async (): Promise<void> => {
          const ended = await ask(upload, { method: "DELETE", headers: tus });
          if (ended.ok) ended.value.resume();
        };
        let triesLeft = cliLimits.uploadTriesMax;
        for (let offset = 0; offset < size;) {
          const { bytesRead } = await file.read(piece, 0, piece.length, offset).catch(() => ({ bytesRead: 0 }));
          if (bytesRead === 0) {
            await giveUp();
            return refused(noFile(path));
          }
          const headers = { ...tus, "upload-offset": offset, "content-type": "application/offset+octet-stream" };
          const sent = await ask(upload, { method: "PATCH", headers, body: piece.subarray(0, bytesRead) });
          // What came of a request without an answer, the node says.
          const now = sent.ok ? sent : await ask(upload, { method: "HEAD", headers: tus });
          if (now.ok) now.value.resume();
          const kept = now.ok ? offsetIn(now.value) : offset;
          if (kept > offset) triesLeft = cliLimits.uploadTriesMax;
          else if ((triesLeft -= 1) <= 0 || !now.ok) {
            await giveUp();
            return sent.ok ? refused(failure("UNREACHABLE")) : sent;
          }
          offset = kept;
        }
        return ok(id);
      } finally {
        await file.close();
      }
    },
    async save({ id, name, bytes }, room) {
      const answer = await ask(`/api/v1/rooms/${room}/files/${id}?download`, { method: "GET" });
      if (!answer.ok) return answer;
      const plain = plainName(name);
      for (let copy = 1; copy <= cliLimits.savedNamesMax; copy += 1) {
        const path = join(folder, copy === 1 ? cut(plain) : numbered(plain, copy));
        const file = await open(path, "wx").catch((error: NodeJS.ErrnoException) => error);
        if (file instanceof Error) {
          if (file.code === "EEXIST") continue;
          answer.value.destroy();
          const message = `${path} cannot be written: ${file.code ?? file.message}`;
          return refused({ ...failure("FORBIDDEN", { path }), message });
        }
        try {
          await pipeline(answer.value, file.createWriteStream());
          return ok(path);
        } catch (error) {
          await unlink(path).catch(() => undefined);
          return refused(failure("UNREACHABLE", { reason: String((error as Error).message), bytes }));
        }
      }
      answer.value.destroy();
      return refused({ ...failure("NAME_TAKEN"), message: `There are too many files called ${plain} here already.` });
    },
  };
}

/** Whose file it is, as the node is told. */
const whose = (target: string): [name: string, value: string] =>
  target.startsWith("agent/") ? ["agent", target.slice("agent/".length)] : ["room", target];

const noFile = (path: string): Failure => ({
  ...failure("NOT_FOUND", { path }),
  message: `${path} cannot be read: there is no such file, or it is a folder or a device.`,
});

/** A name that is one in every folder of every system. */
export function plainName(name: string): string {
  const plain = name
    .replaceAll(/[\p{Cc}\p{Cf}\\/:*?"<>|]/gu, "_")
    .replace(/^[. ]+/, "")
    .replace(/[. ]+$/, "");
  const isDevice = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(plain);
  return plain === "" ? "file" : isDevice ? `_${plain}` : plain;
}

const numbered = (name: string, copy: number): string => cut(name, ` (${copy})`);

/** What file systems take. */
const nameBytesMax = 255;

/** A name that is short enough, with something before its ending, which stays. */
function cut(name: string, more = ""): string {
  const at = name.lastIndexOf(".");
  const ending = at <= 0 || Buffer.byteLength(name.slice(at)) > nameBytesMax / 2 ? "" : name.slice(at);
  const signs = Array.from(ending === "" ? name : name.slice(0, at));
  const left = nameBytesMax - Buffer.byteLength(more + ending);
  let bytes = Buffer.byteLength(signs.join(""));
  while (bytes > left) bytes -= Buffer.byteLength(signs.pop() ?? "");
  return `${signs.join("")}${more}${ending}`;
}
