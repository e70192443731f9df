/** `plexus backup kit make|check|restore` and `plexus disk recover`. The root of the keys is made, split, joined and
 *  forgotten here, and nowhere else. */
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  anchorOf,
  createRoot,
  demandEscrow,
  digestOf,
  kitName,
  openEpoch,
  openEscrow,
  rootKeysOf,
  rootWords,
  sealEpochTo,
  sharePageHtml,
  sharePageText,
  splitRoot,
  verifyEpochs,
  vouchFor,
  writeDiskKey,
  type KitSheet,
  type RootRecord,
} from "../../node/keys/index.ts";
import { escrowFile } from "../../node/data-folder/index.ts";
import { failure, failureOf, PlexusError } from "../../protocols/errors.ts";
import type { KeysStatus } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { namesPut } from "../../runtimes/folders.ts";
import { describeKeys, summaryOf } from "./backup-keys.ts";
import { joinShares, openRoot, type KitSource } from "./kit-shares.ts";
import type { TokenFlags } from "./kit-token.ts";
import { counted, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");

/** What `plexus backup kit make` was told. */
interface MakeKit {
  readonly of: number;
  readonly needed: number;
  readonly to: string;
  readonly yes: boolean;
  /** Files with shares of the kit that there is; none: they are typed. */
  readonly former: readonly string[];
  /** The kit that there is is lost. */
  readonly lost: boolean;
  /** The root also lies in this token, sealed. */
  readonly token: TokenFlags | undefined;
  /** In the token, and nowhere else. */
  readonly tokenOnly: boolean;
}

/** `plexus backup kit make`. */
export async function makeKit(flags: AdminFlags, told: MakeKit, output: Output): Promise<number> {
  if (told.tokenOnly && told.token === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { field: "--token-only", reason: "it needs --pkcs11 and --token" }));
  const target = await findNode(flags);
  const before = demand(await callsTo(target)("keys.status"));
  if (before.root !== undefined && !told.yes) {
    const kit = kitName(before.root);
    if (
      !(await isConfirmed(
        `The cluster has the kit ${kit}. Make another, after which ${kit} opens nothing that is made?`,
      ))
    )
      throw new PlexusError(
        failure("BAD_REQUEST", { field: "--yes", reason: "nothing was made: confirm it in a terminal" }),
      );
  }
  const folder = resolve(told.to);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [name] = await namesPut(folder);
  if (name !== undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--to", reason: `${folder} is not empty: ${name} is in it` }),
    );
  const former = before.root !== undefined && !told.lost ? await openFormer(before, told, output) : undefined;
  const root = createRoot();
  const keys = rootKeysOf(root);
  const shares = told.tokenOnly ? [] : demand(await splitRoot(root, told));
  const token = told.token && (await sealIn(told.token, { cluster: before.cluster, root }, output));
  const to = { commitment: keys.commitment, recoveryKey: text(keys.recipient.publicKey) };
  const begun = demand(await callsTo(target)("keys.beginKit", to));
  const record: RootRecord = {
    ...to,
    verifyKey: text(keys.signer.verifyKey),
    needed: told.tokenOnly ? 0 : told.needed,
    digests: shares.map((share) => text(digestOf(share))),
    madeAtMs: Date.now(),
    ...(token && { token }),
    anchor: anchorOf(before.cluster, begun.epochs.at(-1)!, keys),
  };
  // On this disk before the cluster uses it: a kit that nobody has would open nothing.
  const sheet: KitSheet = { form: "plexus kit 1", cluster: before.cluster, root: record, epochs: begun.epochs };
  await write(join(folder, "kit.json"), `${JSON.stringify(sheet, undefined, 2)}\n`);
  const kit = kitName(record);
  const words = rootWords(before.cluster, record);
  for (const [at, share] of shares.entries()) {
    const printed = {
      cluster: before.cluster,
      kit,
      words,
      needed: told.needed,
      of: told.of,
      number: at + 1,
      madeAtMs: record.madeAtMs,
      share,
    };
    await write(join(folder, `share-${at + 1}-of-${told.of}.html`), sharePageHtml(printed));
    await write(join(folder, `share-${at + 1}-of-${told.of}.txt`), sharePageText(printed));
  }
  const voucher = former && vouchFor(before.cluster, { by: before.root!, to: record }, former);
  const body = { root: sent(record), ...(voucher !== undefined && { voucher }), ...(told.lost && { lost: true }) };
  const status = demand(await callsTo(target)("keys.confirmKit", body));
  if (flags.json)
    output.print(
      jsonLine({
        kit,
        words,
        folder,
        needed: record.needed,
        of: shares.length,
        ...(token && { token: token.label }),
        epoch: status.epochs.length,
      }),
    );
  else
    output.print(
      [
        `${paint(output.color, "green", "✔")} Kit ${kit} (${words})`,
        ...(shares.length === 0
          ? []
          : [
              `${counted(told.of, "share")}, any ${told.needed} are needed. They are in ${folder}`,
              "Print each share's page, give them to different people, try them (plexus backup kit check), " +
                "then delete the share files.",
            ]),
        ...(token
          ? [
              `The token ${token.label} opens it, too. Somebody with it and its PIN needs ` +
                `${told.tokenOnly ? "nothing else" : "no share"}.`,
            ]
          : []),
        `kit.json is not secret; keep it ${shares.length === 0 ? "where the token is not" : "with the shares"}.`,
        ...(told.lost && before.root
          ? [`Each other node goes on with the former kit until it is told there: plexus backup kit trust ${words}`]
          : []),
      ].join("\n"),
    );
  return exitCodes.ok;
}

/** The root that there is, which signs for the one that takes its place. */
function openFormer(status: KeysStatus, told: MakeKit, output: Output) {
  const sheet = asSheet(status);
  const kit = kitName(sheet.root);
  output.printError(
    `Kit ${kit} must sign for the one that takes its place: its shares or its token. If it is lost: --lost.`,
  );
  const { token } = sheet.root;
  const byToken = told.token && token && told.former.length === 0;
  return openRoot(
    sheet,
    { files: told.former, ...(byToken && { token: { ...told.token!, label: token.label } }) },
    output,
  );
}

async function sealIn(
  token: TokenFlags,
  of: { readonly cluster: string; readonly root: Uint8Array },
  output: Output,
): Promise<NonNullable<RootRecord["token"]>> {
  const { sealInToken } = await import("./kit-token.ts");
  return sealInToken(token, of, output);
}

/** `plexus backup kit check`. Exit code 1 when the shares do not make the root. */
export async function checkKit(
  flags: AdminFlags,
  told: KitSource & { readonly sheet: string | undefined },
  output: Output,
): Promise<number> {
  const sheet = await sheetOf(flags, told.sheet, told.files);
  const joined = await openRoot(sheet, told, output);
  const opened = sheet.epochs.map((record) => demand(openEpoch(sheet.cluster, record, joined)));
  demand(verifyEpochs(sheet.cluster, sheet.root, sheet.epochs));
  const kit = kitName(sheet.root);
  const words = rootWords(sheet.cluster, sheet.root);
  if (flags.json) output.print(jsonLine({ kit, words, cluster: sheet.cluster, epochs: opened.length }));
  else
    output.print(
      `${paint(output.color, "green", "✔")} This is the key of kit ${kit} (${words}). It opens ` +
        `${counted(opened.length, "epoch")} of cluster ${sheet.cluster}.`,
    );
  return exitCodes.ok;
}

/** `plexus backup kit restore`. */
export async function restoreKit(
  flags: AdminFlags,
  told: KitSource & { readonly sheet: string | undefined },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const status = demand(await callsTo(target)("keys.status"));
  const sheet = told.sheet === undefined ? asSheet(status) : await readSheet(told.sheet);
  const root = await openRoot(sheet, told, output);
  const keys = sheet.epochs.map((record) => {
    const key = demand(openEpoch(sheet.cluster, record, root));
    return {
      epoch: record.epoch,
      sealed: text(sealEpochTo(sheet.cluster, bytesOf(status.receiver), record.epoch, key)),
    };
  });
  const body = { root: sent(sheet.root), epochs: [...sheet.epochs], keys };
  const after = demand(await callsTo(target)("keys.restore", body));
  output.print(flags.json ? jsonLine(summaryOf(after)) : describeKeys(after, output.color));
  return exitCodes.ok;
}

// --- shares and sheets -----------------------------------------------------------------------------------------------

async function write(file: string, content: string): Promise<void> {
  const written = await open(file, "wx", 0o600);
  try {
    await written.writeFile(content);
    await written.sync();
  } finally {
    await written.close();
  }
}

/** A root's record, as operations take it. */
const sent = (record: RootRecord) => ({ ...record, digests: [...record.digests] });

function asSheet({ cluster, root, epochs }: KeysStatus): KitSheet {
  if (root === undefined)
    throw new PlexusError(
      failure("KIT_MISSING", {
        hint: "shares of a kit of another cluster: --sheet FILE, the kit.json that lies beside them",
      }),
    );
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
  if (sheet.form !== "plexus kit 1" || !Array.isArray(sheet.epochs)) throw wrong("it is not a kit.json");
  return sheet;
}

/** What says of which kit shares are: the file that is named, the cluster, or, where no node runs, the `kit.json` that
 *  was made beside the shares. */
async function sheetOf(flags: AdminFlags, file: string | undefined, shares: readonly string[] = []): Promise<KitSheet> {
  if (file !== undefined) return readSheet(file);
  const asked = await findNode(flags).then(
    async (node) => callsTo(node)("keys.status"),
    (thrown: unknown) => ({ ok: false, error: failureOf(thrown) }) as const,
  );
  if (asked.ok) return asSheet(asked.value);
  if (asked.error.code !== "UNREACHABLE") throw new PlexusError(asked.error);
  for (const folder of new Set(shares.map((share) => dirname(resolve(share))))) {
    const beside = await readSheet(join(folder, "kit.json")).catch(() => undefined);
    if (beside !== undefined) return beside;
  }
  const hint = "No node runs here, and there is no kit.json beside the shares: name it with --sheet FILE.";
  throw new PlexusError({ ...asked.error, details: { ...asked.error.details, hint } });
}

/** `plexus disk recover`. */
export async function recoverDisk(
  told: KitSource & { readonly folder: string; readonly keyFile: string; readonly sheet: string | undefined },
  output: Output,
): Promise<number> {
  const escrow = await demandEscrow(escrowFile(told.folder));
  if (told.token !== undefined && told.sheet === undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--sheet", reason: "kit.json says what the token has sealed" }),
    );
  const root =
    told.sheet === undefined
      ? await joinShares(undefined, told.files, output)
      : await openRoot(await readSheet(told.sheet), told, output);
  const { bytes } = demand(openEscrow(escrow, root));
  await writeDiskKey(told.keyFile, bytes);
  output.print(`${paint(output.color, "green", "✔")} Key ${escrow.key} of this disk is in ${told.keyFile} again.`);
  return exitCodes.ok;
}
