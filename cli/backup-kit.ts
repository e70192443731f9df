/** `plexus backup kit`, `keys` and `rotate`. The root of the keys is made, split, joined and forgotten here, and nowhere else. */
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import {
  anchorOf,
  combineShares,
  createRoot,
  demandEscrow,
  digestOf,
  kitName,
  openEpoch,
  openEscrow,
  readLine,
  readShare,
  rootKeysOf,
  sealEpochTo,
  shareFromText,
  sharePageHtml,
  sharePageText,
  splitRoot,
  verifyEpochs,
  writeDiskKey,
  type EpochRecord,
  type KitSheet,
  type RootRecord,
} from "../node/keys/index.ts";
import { escrowFile } from "../node/data-folder/index.ts";
import { failure, PlexusError, refused, type Result } from "../protocols/errors.ts";
import type { KeysStatus } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { callNode } from "./node-client.ts";
import { counted, exitCodes, paint, type Output } from "./output.ts";
import { jsonLine, withoutControls } from "./printable.ts";

const path = "/api/v1/admin/keys";
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");
const linesPerShare = 7;

/** `plexus backup kit make`. */
export async function makeKit(
  flags: AdminFlags,
  told: { readonly of: number; readonly needed: number; readonly to: string; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const before = demand(await callNode<KeysStatus>(target, "GET", path));
  if (before.root !== undefined && !told.yes) {
    const kit = kitName(before.root);
    if (!(await isSure(`The cluster has the kit ${kit}. Make another, after which ${kit} opens nothing that is made?`)))
      throw new PlexusError(
        failure("BAD_REQUEST", { field: "--yes", reason: "nothing was made: it must be confirmed" }),
      );
  }
  const folder = resolve(told.to);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [name] = await readdir(folder);
  if (name !== undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--to", reason: `${folder} is not empty: ${name} is in it` }),
    );
  const root = createRoot();
  const keys = rootKeysOf(root);
  const shares = demand(await splitRoot(root, told));
  const to = { commitment: keys.commitment, recoveryKey: text(keys.recipient.publicKey) };
  const begun = demand(await callNode<{ readonly epochs: readonly EpochRecord[] }>(target, "POST", `${path}/kit`, to));
  const record: RootRecord = {
    ...to,
    verifyKey: text(keys.signer.verifyKey),
    needed: told.needed,
    digests: shares.map((share) => text(digestOf(share))),
    madeAtMs: Date.now(),
    anchor: anchorOf(before.cluster, begun.epochs.at(-1)!, keys),
  };
  // On this disk before the cluster uses it: a kit that nobody has would open nothing.
  const sheet: KitSheet = { form: "plexus kit 1", cluster: before.cluster, root: record, epochs: begun.epochs };
  await write(join(folder, "kit.json"), `${JSON.stringify(sheet, undefined, 2)}\n`);
  const kit = kitName(record);
  for (const [at, share] of shares.entries()) {
    const printed = { cluster: before.cluster, kit, needed: told.needed, of: told.of, number: at + 1, madeAtMs: record.madeAtMs, share }; // prettier-ignore
    await write(join(folder, `share-${at + 1}-of-${told.of}.html`), sharePageHtml(printed));
    await write(join(folder, `share-${at + 1}-of-${told.of}.txt`), sharePageText(printed));
  }
  const status = demand(await callNode<KeysStatus>(target, "PUT", `${path}/kit`, { root: record }));
  if (flags.json)
    output.print(jsonLine({ kit, folder, needed: told.needed, of: told.of, epoch: status.epochs.length }));
  else
    output.print(
      [
        `${paint(output.color, "green", "✔")} Kit ${kit}: ${counted(told.of, "share")}, any ${told.needed} are needed. They are in ${folder}`,
        "Print each share's page, give them to different people, try them (plexus backup kit check), then delete the share files.",
        "kit.json is no secret; keep it with the shares.",
      ].join("\n"),
    );
  return exitCodes.ok;
}

/** `plexus backup kit check`. Exit code 1 when the shares do not make the root. */
export async function checkKit(
  flags: AdminFlags,
  told: { readonly files: readonly string[]; readonly sheet: string | undefined },
  output: Output,
): Promise<number> {
  const sheet = await sheetOf(flags, told.sheet);
  const joined = await joinShares(sheet, told.files, output);
  const opened = sheet.epochs.map((record) => demand(openEpoch(sheet.cluster, record, joined)));
  demand(verifyEpochs(sheet.cluster, sheet.root, sheet.epochs));
  const kit = kitName(sheet.root);
  if (flags.json) output.print(jsonLine({ kit, cluster: sheet.cluster, epochs: opened.length }));
  else output.print(`${paint(output.color, "green", "✔")} These shares make the key of kit ${kit}. It opens ${counted(opened.length, "epoch")} of cluster ${sheet.cluster}.`); // prettier-ignore
  return exitCodes.ok;
}

/** `plexus backup kit restore`. */
export async function restoreKit(
  flags: AdminFlags,
  told: { readonly files: readonly string[]; readonly sheet: string | undefined },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const status = demand(await callNode<KeysStatus>(target, "GET", path));
  const sheet = told.sheet === undefined ? asSheet(status) : await readSheet(told.sheet);
  const root = await joinShares(sheet, told.files, output);
  const keys = sheet.epochs.map((record) => {
    const key = demand(openEpoch(sheet.cluster, record, root));
    return {
      epoch: record.epoch,
      sealed: text(sealEpochTo(sheet.cluster, bytesOf(status.receiver), record.epoch, key)),
    };
  });
  const body = { root: sheet.root, epochs: sheet.epochs, keys };
  const after = demand(await callNode<KeysStatus>(target, "PUT", `${path}/restore`, body));
  output.print(flags.json ? jsonLine(summaryOf(after)) : describeKeys(after, output.color));
  return exitCodes.ok;
}

/** `plexus backup keys`. */
export async function showKeys(flags: AdminFlags, output: Output): Promise<number> {
  const status = demand(await callNode<KeysStatus>(await findNode(flags), "GET", path));
  output.print(flags.json ? jsonLine(summaryOf(status)) : describeKeys(status, output.color));
  return exitCodes.ok;
}

/** `plexus backup rotate`. */
export async function rotateKeys(flags: AdminFlags, compromised: boolean, output: Output): Promise<number> {
  const target = await findNode(flags);
  const status = demand(await callNode<KeysStatus>(target, "POST", `${path}/rotate`, { compromised }));
  output.print(flags.json ? jsonLine(summaryOf(status)) : describeKeys(status, output.color));
  return exitCodes.ok;
}

const summaryOf = ({ root, epochs, here, rotation, reencrypt }: KeysStatus) => ({
  ...(root && { kit: kitName(root), needed: root.needed, shares: root.digests.length, madeAtMs: root.madeAtMs }),
  epochs: epochs.length,
  here,
  ...(rotation && { rotation }),
  ...(reencrypt && { reencrypt }),
});

/** The keys, for people. */
export function describeKeys(status: KeysStatus, color: boolean): string {
  const { root, epochs, here, rotation, reencrypt } = status;
  if (root === undefined)
    return "The cluster has no recovery kit, so no backup can be made: plexus backup kit make --to FOLDER";
  const lacking = epochs.filter(({ epoch }) => !here.includes(epoch)).map(({ epoch }) => epoch);
  return [
    `Kit ${kitName(root)}, made on ${new Date(root.madeAtMs).toISOString().slice(0, 10)}: any ${root.needed} of ${counted(root.digests.length, "share")}`,
    `Epoch ${epochs.length}`,
    lacking.length === 0
      ? `${paint(color, "green", "✔")} This node has the key of every epoch.`
      : `${paint(color, "yellow", "!")} This node lacks the keys of epochs ${lacking.join(", ")}: other nodes have them, or the kit (plexus backup kit restore).`,
    ...(rotation
      ? [`Keys are wrapped anew: ${rotation.done} of ${rotation.total} parts. plexus backup rotate goes on with it.`]
      : []),
    ...(reencrypt ? [`To be encrypted anew: what was made in epochs ${reencrypt.join(", ")}.`] : []),
  ].join("\n");
}

// --- shares and sheets ---------------------------------------------------------------------------------------------------

async function write(file: string, content: string): Promise<void> {
  const written = await open(file, "wx", 0o600);
  try {
    await written.writeFile(content);
    await written.sync();
  } finally {
    await written.close();
  }
}

function asSheet({ cluster, root, epochs }: KeysStatus): KitSheet {
  if (root === undefined)
    throw new PlexusError(failure("KEY_MISSING", { reason: "the cluster has no recovery kit", hint: "kit.json of the kit: --sheet FILE" })); // prettier-ignore
  return { form: "plexus kit 1", cluster, root, epochs };
}

async function readSheet(file: string): Promise<KitSheet> {
  const wrong = (reason: string) => new PlexusError(failure("BAD_REQUEST", { field: "--sheet", file, reason }));
  let sheet: KitSheet;
  try {
    sheet = JSON.parse(await readFile(file, "utf8")) as KitSheet;
  } catch (thrown) {
    throw wrong(thrown instanceof SyntaxError ? "it is not JSON" : "it cannot be read");
  }
  if (sheet.form !== "plexus kit 1" || !Array.isArray(sheet.epochs)) throw wrong("it is no kit.json");
  return sheet;
}

const sheetOf = async (flags: AdminFlags, file: string | undefined): Promise<KitSheet> =>
  file === undefined
    ? asSheet(demand(await callNode<KeysStatus>(await findNode(flags), "GET", path)))
    : readSheet(file);

/** `plexus disk recover`. */
export async function recoverDisk(
  told: { readonly folder: string; readonly files: readonly string[]; readonly keyFile: string },
  output: Output,
): Promise<number> {
  const escrow = await demandEscrow(escrowFile(told.folder));
  const { bytes } = demand(openEscrow(escrow, await joinShares(undefined, told.files, output)));
  await writeDiskKey(told.keyFile, bytes);
  output.print(`${paint(output.color, "green", "✔")} Key ${escrow.key} of this disk is in ${told.keyFile} again.`);
  return exitCodes.ok;
}

/** The keys of the root, from files or from what is typed. Without a sheet the shares say by themselves what they are of. */
export async function joinShares(sheet: KitSheet | undefined, files: readonly string[], output: Output) {
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
        `Share ${shares.length + 1}${needed === undefined ? "" : ` of the ${needed} that are needed`}: its seven lines, one after the other, or the code that begins with PLEXUS-SHARE.`,
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

async function isSure(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
