/** The root out of a recovery kit: of shares, from files or typed, or by a token. */
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import {
  combineShares,
  kitName,
  readLine,
  readShare,
  rootKeysOf,
  shareFromText,
  type KitSheet,
  type RootKeys,
} from "../../node/keys/index.ts";
import { failure, PlexusError, refused, type Result } from "../../protocols/errors.ts";
import { demand } from "../node/admin.ts";
import type { TokenFlags } from "./kit-token.ts";
import type { Output } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");
const linesPerShare = 7;

/** Where the root comes from: files with shares, or a token; without either, shares are typed. */
export interface KitSource {
  readonly files: readonly string[];
  readonly token?: TokenFlags | undefined;
}

/** The keys of a sheet's root. Errors: SHARE_WRONG, SHARES_TOO_FEW, TOKEN_UNUSABLE; KEY_REFUSED (the sheet says other
 *  keys than the root has). */
export async function openRoot(sheet: KitSheet, { files, token }: KitSource, output: Output): Promise<RootKeys> {
  const { root, cluster } = sheet;
  let keys: RootKeys;
  if (token !== undefined && files.length === 0) {
    const { openWithToken } = await import("./kit-token.ts");
    keys = rootKeysOf(await openWithToken(token, { cluster, root }, output));
  } else {
    if (root.digests.length === 0)
      throw new PlexusError(
        failure("BAD_REQUEST", {
          field: "--pkcs11",
          reason: `kit ${kitName(root)} has no shares: a token alone has its root`,
        }),
      );
    keys = await joinShares(sheet, files, output);
  }
  const isSame =
    bytesOf(root.recoveryKey).equals(keys.recipient.publicKey) && bytesOf(root.verifyKey).equals(keys.signer.verifyKey);
  if (!isSame)
    throw new PlexusError(
      failure("KEY_REFUSED", {
        kit: kitName(root),
        reason: "the sheet, or the cluster, says other public keys than the root of this kit has",
      }),
    );
  return keys;
}

/** The keys of the root, from files or from what is typed. Without a sheet the shares say by themselves what they are
 *  of. */
export async function joinShares(
  sheet: KitSheet | undefined,
  files: readonly string[],
  output: Output,
): Promise<RootKeys> {
  const shares: Uint8Array[] = [];
  for (const file of files) {
    const share = shareFromText(await readFile(file, "utf8"));
    if (!share.ok) throw new PlexusError({ ...share.error, details: { ...share.error.details, file } });
    shares.push(share.value);
  }
  if (files.length === 0) shares.push(...(await typedShares(sheet?.root.needed, output)));
  const digests = sheet && {
    commitment: bytesOf(sheet.root.commitment),
    digests: sheet.root.digests.map((digest) => bytesOf(digest)),
  };
  return rootKeysOf(demand(namedIn(await combineShares(shares, digests), files)));
}

/** Names the file of a share that is wrong. */
function namedIn<T>(result: Result<T>, files: readonly string[]): Result<T> {
  const place = result.ok ? undefined : result.error.details?.["place"];
  if (result.ok || typeof place !== "number" || files[place - 1] === undefined) return result;
  return refused({ ...result.error, details: { ...result.error.details, file: withoutControls(files[place - 1]!) } });
}

/** Asks for shares, line by line: a line that is wrong is asked for again. */
async function typedShares(known: number | undefined, output: Output): Promise<readonly Uint8Array[]> {
  const input = createInterface({ input: process.stdin, terminal: false });
  // Lines that come faster than they are asked for wait here.
  const lines = input[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true)
      throw new PlexusError(failure("SHARES_TOO_FEW", { needed, reason: "what was typed ended before" }));
    return value.trim();
  };
  const shares: Uint8Array[] = [];
  let needed = known;
  try {
    while (needed === undefined || shares.length < needed) {
      output.printError(
        `Share ${shares.length + 1}${needed === undefined ? "" : ` of the ${needed} that are needed`}: its ` +
          "seven lines, one after the other, or the code that begins with PLEXUS-SHARE.",
      );
      const typed: string[] = [];
      while (typed.length < linesPerShare) {
        const line = await next();
        if (line === "") continue;
        if (line.startsWith("PLEXUS-SHARE:")) {
          typed.splice(0, typed.length, line);
          break;
        }
        const read = readLine(line, typed.length);
        if (read.ok) typed.push(line);
        else output.printError(`Line ${typed.length + 1}: ${String(read.error.details?.["reason"])}. Type it again.`);
      }
      const share = shareFromText(typed.join("\n"));
      if (share.ok) {
        shares.push(share.value);
        const read = readShare(share.value);
        if (read.ok) needed ??= read.value.needed;
      } else output.printError(`${String(share.error.details?.["reason"])}: type this share again.`);
    }
  } finally {
    input.close();
  }
  return shares;
}
