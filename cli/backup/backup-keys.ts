/** `plexus backup keys`, `rotate`, `erase` and `kit trust`: how the cluster's keys stand, and what changes them without
 *  the root. */
import { kitName, rootWords } from "../../node/keys/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { KeysStatus } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { counted, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";

/** `plexus backup keys`. */
export async function showKeys(flags: AdminFlags, output: Output): Promise<number> {
  const status = await operate(flags, "keys.status");
  output.print(flags.json ? jsonLine(summaryOf(status)) : describeKeys(status, output.color));
  return exitCodes.ok;
}

/** `plexus backup rotate`. */
export async function rotateKeys(flags: AdminFlags, compromised: boolean, output: Output): Promise<number> {
  const status = await operate(flags, "keys.rotate", { compromised });
  output.print(flags.json ? jsonLine(summaryOf(status)) : describeKeys(status, output.color));
  return exitCodes.ok;
}

/** The keys, for programs. */
export const summaryOf = ({
  cluster,
  root,
  epochs,
  here,
  elsewhere,
  rotation,
  reencrypt,
  reencryptLeft,
  refused,
}: KeysStatus) => ({
  ...(root && {
    kit: kitName(root),
    words: rootWords(cluster, root),
    needed: root.needed,
    shares: root.digests.length,
    ...(root.token && { token: root.token.label }),
    madeAtMs: root.madeAtMs,
  }),
  ...(refused && {
    refused: { reason: refused.reason, ...(refused.root && { words: rootWords(cluster, refused.root) }) },
  }),
  epochs: epochs.length,
  here,
  ...(elsewhere !== undefined && { elsewhere }),
  ...(rotation && { rotation }),
  ...(reencrypt && { reencrypt, reencryptLeft }),
});

/** What is to be encrypted anew, and where. */
function describeQueue(epochs: readonly number[], left: KeysStatus["reencryptLeft"] = {}): readonly string[] {
  const places = Object.entries(left);
  return [
    `Still to encrypt again: backups made with the keys of epochs ${epochs.join(", ")}. The next run of each ` +
      "backup does it; snapshots from before refer to it until they are pruned.",
    ...places.map(([place, units]) => `  ${withoutControls(place)}: ${counted(units, "unit")} left`),
  ];
}

const waysTo = ({ needed, digests, token }: NonNullable<KeysStatus["root"]>): string =>
  [
    ...(digests.length > 0 ? [`any ${needed} of ${counted(digests.length, "share")}`] : []),
    ...(token ? [`the token ${withoutControls(token.label)}`] : []),
  ].join(", or ");

/** That somebody put another root, or other epochs, into the directory; nothing where that is not so. */
export function describeRefused({ cluster, root, refused }: KeysStatus, color: boolean): readonly string[] {
  if (refused === undefined) return [];
  const found = refused.root && rootWords(cluster, refused.root);
  return [
    `${paint(color, "red", "✖")} ${withoutControls(refused.reason)}. This node goes on with ` +
      `${root === undefined ? "none" : "the kit that it knows"}.`,
    ...(found === undefined ? [] : [`  The directory has kit ${found}`]),
    "  If no operator did that, a member or somebody with access to the directory is dishonest: find who it is " +
      "before anything else.",
    ...(root === undefined ? [] : [`  To put the known one back: plexus backup kit trust ${rootWords(cluster, root)}`]),
    ...(found === undefined
      ? []
      : [`  To trust the directory's, if it is yours (compare it with the shares): plexus backup kit trust ${found}`]),
  ];
}

/** The keys, for people. */
export function describeKeys(status: KeysStatus, color: boolean): string {
  const { cluster, root, epochs, here, elsewhere, rotation, reencrypt, reencryptLeft } = status;
  const warning = describeRefused(status, color);
  if (root === undefined)
    return [
      ...warning,
      "The cluster has no recovery kit, so no backup can be made: plexus backup kit make --to FOLDER",
    ].join("\n");
  const lacking = epochs.filter(({ epoch }) => !here.includes(epoch)).map(({ epoch }) => epoch);
  return [
    `Kit ${kitName(root)} (${rootWords(cluster, root)}), made on ` +
      `${new Date(root.madeAtMs).toISOString().slice(0, 10)}: ${waysTo(root)}`,
    ...warning,
    `Epoch ${epochs.length}`,
    lacking.length === 0
      ? `${paint(color, "green", "✔")} This node has the key of every epoch.`
      : `${paint(color, "yellow", "!")} This node lacks the keys of epochs ${lacking.join(", ")}. ` +
        withoutControls(elsewhere ?? "Other nodes have them, or the kit: plexus backup kit restore."),
    ...(rotation
      ? [`Keys are being encrypted again: ${rotation.done} of ${rotation.total} parts. plexus backup rotate continues.`]
      : []),
    ...(reencrypt ? describeQueue(reencrypt, reencryptLeft) : []),
  ].join("\n");
}

/** `plexus backup kit trust`. */
export async function trustKit(flags: AdminFlags, words: string, output: Output): Promise<number> {
  const status = await operate(flags, "keys.trustRoot", { words });
  output.print(flags.json ? jsonLine(summaryOf(status)) : describeKeys(status, output.color));
  return exitCodes.ok;
}

/** `plexus backup erase`. */
export async function eraseKeys(
  flags: AdminFlags,
  told: { readonly person: string | undefined; readonly actor: string | undefined; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const { person, actor } = told;
  if ((person === undefined) === (actor === undefined))
    throw new PlexusError(failure("BAD_REQUEST", { field: "--person", reason: "either --person or --actor" }));
  const tenant = actor ?? `user/${person}`;
  const question =
    `Destroy the keys of ${withoutControls(tenant)} in all backups? What they have encrypted can never be read ` +
    "again";
  if (!told.yes && !(await isConfirmed(`${question}.`)))
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "--yes",
        reason: "nothing was destroyed: confirm it in a terminal, or with --yes",
      }),
    );
  const { destroyed } = await operate(flags, "keys.erase", { tenant });
  if (flags.json) output.print(jsonLine({ tenant, destroyed }));
  else if (destroyed === 0) output.print(`No backup has keys of ${withoutControls(tenant)}.`);
  else
    output.print(
      [
        `${paint(output.color, "green", "✔")} ${counted(destroyed, "key")} of ${withoutControls(tenant)} ` +
          "destroyed: what they have encrypted is unreadable in every backup.",
        "New backups of it use a new key. plexus backup prune removes the data that nobody can read any more.",
        "Against somebody with an old copy of the directory: plexus backup rotate.",
      ].join("\n"),
    );
  return exitCodes.ok;
}
