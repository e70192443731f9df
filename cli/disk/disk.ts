/** `plexus disk`: whether a node's disk is encrypted. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DiskStatus } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** `plexus disk`. */
export async function showDisk(flags: AdminFlags, output: Output): Promise<number> {
  const status = await operate(flags, "disk.show");
  output.print(flags.json ? jsonLine(status) : describeDisk(status, output.color));
  return status.fault === undefined ? exitCodes.ok : exitCodes.failed;
}

/** `plexus disk encrypt` and `decrypt`. */
export async function setDisk(
  flags: AdminFlags,
  { encrypted, wait }: { readonly encrypted: boolean; readonly wait: boolean },
  output: Output,
): Promise<number> {
  const call = callsTo(await findNode(flags));
  let status = demand(await call("disk.set", { encrypted }));
  const end = encrypted ? "sealed" : "plain";
  for (let told = ""; wait && status.state !== end && status.fault === undefined;) {
    const says = describeDisk(status, output.color);
    if (!flags.json && says !== told) output.printError(says);
    told = says;
    await sleep(cliLimits.diskLookMs);
    status = demand(await call("disk.show"));
  }
  output.print(flags.json ? jsonLine(status) : describeDisk(status, output.color));
  if (encrypted && !flags.json)
    output.printError(
      `Without ${withoutControls(status.keyFile)} nothing on this disk can be read. Keep a copy of it elsewhere.`,
    );
  return status.fault === undefined ? exitCodes.ok : exitCodes.failed;
}

/** How far a disk is, for people. */
export function describeDisk({ state, key, keyFile, parts, fault }: DiskStatus, color: boolean): string {
  const far = parts === undefined ? "" : ` (${parts.done} of ${parts.total} parts)`;
  const says = {
    plain: "The disk is not encrypted. plexus disk encrypt changes that while the node runs.",
    sealing: `The disk is being encrypted${far}: what is written now is, the rest is rewritten slot by slot.`,
    sealed: `${paint(color, "green", "✔")} The journal and the blobs are encrypted.`,
    opening: `The disk is being decrypted${far}.`,
  }[state];
  return [
    says,
    ...(key === undefined ? [] : [`Key ${key} in ${withoutControls(keyFile)}`]),
    ...(fault === undefined
      ? []
      : [`${paint(color, "red", "✖")} It does not get on: ${withoutControls(fault.message)} It is tried again.`]),
  ].join("\n");
}
