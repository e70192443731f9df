import type { KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { installation } from "./installation.ts";
import { counted, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import { readPublicKey, verifyArchive, verifyFolder, type Verdict } from "../release/index.ts";

/** Paths that are named; the rest is counted. */
const namedMax = 20;

/** `plexus verify-release`: whether an archive, or the files of an installation, are what was signed. Exit code 1 when
 *  they are not, or nobody can say. */
export async function verifyRelease(
  flags: {
    readonly path: string | undefined;
    readonly key: string | undefined;
    readonly fingerprint: string | undefined;
    readonly json: boolean;
  },
  output: Output,
): Promise<number> {
  const key = flags.key === undefined ? undefined : await readKey(flags.key);
  const path = flags.path ?? installation.folder;
  const isFolder = (await stat(path)).isDirectory();
  if (!isFolder && key === undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { reason: "An archive has no key with it: name the one that you trust with --key." }),
    );
  const verdict = isFolder ? await verifyFolder(path, key) : await verifyArchive(path, key as KeyObject);
  const judged = flags.fingerprint === undefined ? verdict : byFingerprint(verdict, flags.fingerprint);
  const isTrusted = key !== undefined || flags.fingerprint !== undefined;
  const isGood =
    judged.type === "compared" && judged.changed.length + judged.missing.length + judged.added.length === 0;
  if (flags.json)
    output.print(jsonLine({ verified: isGood, path, key: isTrusted ? "named" : "of the release itself", ...judged }));
  else output.print(describeVerdict(judged, isTrusted));
  return isGood ? exitCodes.ok : exitCodes.failed;
}

async function readKey(path: string): Promise<KeyObject> {
  try {
    return readPublicKey(await readFile(path, "utf8"));
  } catch (thrown) {
    throw new PlexusError(failure("BAD_REQUEST", { reason: `${path}: ${(thrown as Error).message}` }));
  }
}

function byFingerprint(verdict: Verdict, fingerprint: string): Verdict {
  const wanted = fingerprint.replace(/^sha256:/, "").toLowerCase();
  if (verdict.type !== "compared" || verdict.fingerprint === wanted) return verdict;
  return {
    type: "forged",
    reason: `it is signed by the key ${verdict.fingerprint}, which is not the one that you named`,
  };
}

/** A verdict as a person reads it. */
export function describeVerdict(verdict: Verdict, isTrusted: boolean): string {
  if (verdict.type === "unsigned") return `Nobody can say: ${verdict.reason}.`;
  if (verdict.type === "forged") return `Do not use it: ${verdict.reason}.`;
  const { same, changed, missing, added, fingerprint } = verdict;
  const list = (what: string, paths: readonly string[]): readonly string[] =>
    paths.length === 0
      ? []
      : [
          `${what}:`,
          ...paths.slice(0, namedMax).map((path) => `  ${path}`),
          ...(paths.length > namedMax ? [`  and ${paths.length - namedMax} more`] : []),
        ];
  const trust = isTrusted
    ? `Signed by the key that you named, ${fingerprint}.`
    : `Signed by the key that came with it. Compare its fingerprint with the published one: ${fingerprint}`;
  return [
    `${counted(same, "thing")} as signed.`,
    ...list("Changed", changed),
    ...list("Missing", missing),
    ...list("Not of the release", added),
    trust,
  ].join("\n");
}
