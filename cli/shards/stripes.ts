/** `plexus shards put|get|show|verify|drop|heal`: files on the nodes with the role storage. A file is cut into pieces,
 *  each encrypted under the file's own key before it leaves this process, and each kept as a stripe. The key is in the
 *  reference alone. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import type { StripeHealth, StripeRef } from "../../protocols/index.ts";
import type { Call } from "../../client/call.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import type { Target } from "../node/target.ts";
import { counted, describeBytes, exitCodes, minuteText, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";
import { renderTable } from "../terminal/table.ts";

/** A stripe may take its time on slow disks, and a repair, too; a node gives up before. */
const stripesTimeoutMs = 150_000;
const [cipher, keyBytes, nonceBytes, tagBytes] = ["aes-256-gcm", 32, 12, 16] as const;
const pieceBytes = wireLimits.stripePutBytesMax - tagBytes;

/** What finds a file again. Everybody that has it can read the file. */
interface Reference {
  readonly plexus: "stripes";
  readonly version: 1;
  readonly sizeBytes: number;
  /** In base64. */
  readonly key: string;
  readonly stripes: readonly StripeRef[];
}

/** Each piece has a number of its own under a key that is used for one file. */
function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUInt32BE(number, nonceBytes - 4);
  return nonce;
}

function sealed(piece: Buffer, key: Buffer, number: number): Buffer {
  const encrypt = createCipheriv(cipher, key, nonceOf(number));
  return Buffer.concat([encrypt.update(piece), encrypt.final(), encrypt.getAuthTag()]);
}

function unsealed(bytes: Buffer, key: Buffer, number: number): Buffer {
  const decrypt = createDecipheriv(cipher, key, nonceOf(number));
  decrypt.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([decrypt.update(bytes.subarray(0, -tagBytes)), decrypt.final()]);
  } catch (cause) {
    throw new PlexusError(failure("DATA_DAMAGED", { piece: number, reason: "it is not what was put" }), cause);
  }
}

const slowly = (target: Target): Call => callsTo({ ...target, timeoutMs: stripesTimeoutMs });

async function readReference(path: string): Promise<Reference> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new PlexusError(failure("BAD_REQUEST", { field: "reference", reason: error.message }), error);
  });
  try {
    const read = JSON.parse(text) as Partial<Reference>;
    if (read.plexus === "stripes" && read.version === 1 && Array.isArray(read.stripes) && typeof read.key === "string")
      return read as Reference;
  } catch {
    // The same for what is no JSON.
  }
  throw new PlexusError(
    failure("BAD_REQUEST", { field: "reference", reason: `${path} is not written by \`plexus shards put\`` }),
  );
}

/** `plexus shards put`. */
export async function putFile(
  flags: AdminFlags,
  {
    file,
    to = `${file}.ref`,
    keepMs,
  }: { readonly file: string; readonly to: string | undefined; readonly keepMs: number | undefined },
  output: Output,
): Promise<number> {
  const call = slowly(await findNode(flags));
  const key = randomBytes(keyBytes);
  const stripes: StripeRef[] = [];
  let sizeBytes = 0;
  // Before anything travels: what cannot be written must not be lost.
  const aside = `${to}.new`;
  const written = await open(aside, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new PlexusError(failure("BAD_REQUEST", { field: "--to", reason: error.message }), error);
  });
  try {
    for await (const piece of pieces(file)) {
      const bytes = sealed(piece, key, stripes.length).toString("base64");
      const body = { bytes, ...(keepMs !== undefined && { expiresInMs: keepMs }) };
      stripes.push(demand(await call("stripes.put", body)).stripe);
      sizeBytes += piece.length;
      if (!flags.json) output.printError(`${describeBytes(sizeBytes)} kept`);
    }
    const reference: Reference = { plexus: "stripes", version: 1, sizeBytes, key: key.toString("base64"), stripes };
    await written.writeFile(`${JSON.stringify(reference)}\n`);
    await written.sync();
    await written.close();
    await rename(aside, to);
  } catch (error) {
    await written.close().catch(() => undefined);
    // What was kept so far is of no use without the rest.
    for (const stripe of stripes) await call("stripes.release", { stripe });
    await rm(aside, { force: true });
    throw error;
  }
  if (flags.json) output.print(jsonLine({ reference: to, sizeBytes, stripes: stripes.length }));
  else
    output.print(
      `${describeBytes(sizeBytes)} in ${counted(stripes.length, "stripe")}. The reference is ` +
        `${withoutControls(to)}: keep it, and keep it to yourself; without it nobody finds or reads the file.`,
    );
  return exitCodes.ok;
}

/** The file in pieces that fit into a stripe; an empty one has one. */
async function* pieces(file: string): AsyncGenerator<Buffer> {
  let [parts, length, given]: [Buffer[], number, boolean] = [[], 0, false];
  try {
    for await (const read of createReadStream(file, { highWaterMark: 256 * 1024 })) {
      let rest = read as Buffer;
      while (length + rest.length >= pieceBytes) {
        const taken = pieceBytes - length;
        yield Buffer.concat([...parts, rest.subarray(0, taken)]);
        given = true;
        rest = rest.subarray(taken);
        [parts, length] = [[], 0];
      }
      if (rest.length > 0) parts.push(rest);
      length += rest.length;
    }
  } catch (error) {
    if (error instanceof PlexusError) throw error;
    throw new PlexusError(failure("BAD_REQUEST", { field: "file", reason: (error as Error).message }), error);
  }
  if (length > 0 || !given) yield Buffer.concat(parts);
}

/** `plexus shards get`. */
export async function getFile(
  flags: AdminFlags,
  { reference: path, to }: { readonly reference: string; readonly to: string },
  output: Output,
): Promise<number> {
  const { key, stripes, sizeBytes } = await readReference(path);
  const call = slowly(await findNode(flags));
  const file = await open(to, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new PlexusError(failure("BAD_REQUEST", { field: "--to", reason: error.message }), error);
  });
  try {
    for (const [number, stripe] of stripes.entries()) {
      const { bytes } = demand(await call("stripes.read", { stripe }));
      await file.writeFile(unsealed(Buffer.from(bytes, "base64"), Buffer.from(key, "base64"), number));
      if (!flags.json) output.printError(`${number + 1} of ${counted(stripes.length, "stripe")}`);
    }
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(to, { force: true });
    throw error;
  }
  if (flags.json) output.print(jsonLine({ file: to, sizeBytes }));
  else output.print(`${describeBytes(sizeBytes)} in ${withoutControls(to)}`);
  return exitCodes.ok;
}

/** `plexus shards show|verify`. Ends with an error when a stripe is not whole. */
export async function showStripes(
  flags: AdminFlags,
  { reference, deep }: { readonly reference: string; readonly deep: boolean },
  output: Output,
): Promise<number> {
  const { stripes } = await readReference(reference);
  const call = slowly(await findNode(flags));
  let whole = true;
  for (const stripe of stripes) {
    const health = demand(await call("stripes.inspect", { stripe, deep }));
    whole &&= health.well === health.shards.length;
    if (flags.json) output.print(jsonLine(health));
    else output.print(describeHealth(health, output.color, output.columns));
  }
  return whole ? exitCodes.ok : exitCodes.failed;
}

const schemeText = ({ scheme }: Pick<StripeHealth, "scheme">): string =>
  scheme.type === "copies" ? `${scheme.copies} copies` : `${scheme.k} + ${scheme.m}`;

/** One stripe as a person reads it. */
export function describeHealth(health: StripeHealth, color: boolean, width = Infinity): string {
  const { id, group, shards, enough, well } = health;
  const columns = [
    { head: "Holder" },
    { head: "Node" },
    { head: "Shard", leaves: 1 },
    { head: "Receipt", leaves: 2 },
    { head: "State" },
  ];
  const cells = shards.map(({ index, node = "", hash, state, signedAtMs }) => [
    `${group}.${index}`,
    withoutControls(node),
    hash.slice(0, 16),
    signedAtMs === undefined ? "" : `signed ${minuteText(signedAtMs)}`,
    paint(color, state === "well" ? "green" : state === "coming" || state === "unknown" ? "yellow" : "red", state),
  ]);
  const coming = shards.filter(({ state }) => state === "coming").length;
  const wrong = shards.length - well - coming;
  const rest = [...(coming > 0 ? [`${coming} on the way`] : []), ...(wrong > 0 ? [`${wrong} to be repaired`] : [])];
  const says = rest.length === 0 ? "whole" : well >= enough ? `can be read; ${rest.join(", ")}` : "cannot be read now";
  return (
    `Stripe ${id.slice(0, 16)}, ${schemeText(health)}: ` +
    `${says}\n${renderTable(columns, cells, { color, columns: width })}`
  );
}

/** `plexus shards drop`. */
export async function dropFile(
  flags: AdminFlags,
  { reference, yes }: { readonly reference: string; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const { stripes, sizeBytes } = await readReference(reference);
  if (!yes && !(await isConfirmed(`Keep ${describeBytes(sizeBytes)} of ${withoutControls(reference)} no longer?`)))
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "--yes",
        reason: "nothing was dropped: confirm it in a terminal, or with --yes",
      }),
    );
  const call = slowly(await findNode(flags));
  for (const stripe of stripes) demand(await call("stripes.release", { stripe }));
  // Kept until here: a holder that did not answer must be told again.
  await rm(reference, { force: true });
  if (flags.json) output.print(jsonLine({ dropped: stripes.length }));
  else output.print(`Dropped; the shards of ${counted(stripes.length, "stripe")} are collected some days from now.`);
  return exitCodes.ok;
}

/** `plexus shards heal`. */
export async function healShards(flags: AdminFlags, output: Output): Promise<number> {
  const { nodes } = demand(await slowly(await findNode(flags))("shards.heal"));
  if (flags.json) for (const row of nodes) output.print(jsonLine(row));
  else if (nodes.length === 0) output.print("No node has the role storage.");
  else {
    const columns = [
      { head: "Node" },
      { head: "Holders", align: "right" as const },
      { head: "Made good", align: "right" as const },
      { head: "Lost", align: "right" as const },
      { head: "" },
    ];
    const cells = nodes.map(({ node, holders = "", mended = "", lost = "", error = "" }) => [
      withoutControls(node),
      String(holders),
      String(mended),
      String(lost),
      error,
    ]);
    output.print(renderTable(columns, cells, { color: output.color, columns: output.columns }));
  }
  return nodes.every(({ error, lost = 0 }) => error === undefined && lost === 0) ? exitCodes.ok : exitCodes.failed;
}

/** `plexus shards trust`. */
export async function trustNode(flags: AdminFlags, node: string, output: Output): Promise<number> {
  const done = await operate(flags, "cluster.trust", { node });
  if (flags.json) output.print(jsonLine(done));
  else
    output.print(
      `${withoutControls(node)} is trusted: new shards are counted on there, from some seconds on. Audits go on.`,
    );
  return exitCodes.ok;
}
