import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { callNode, forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";

/** What a running node leaves in its data folder, for its owner only (0600): with it, admin commands on the same
 *  machine need no sign-in. A person who can read the file can read the data as well, so it gives away nothing new. */
export interface ControlFile {
  readonly url: string;
  /** Its control endpoint; absent: it has none, and admin commands go to the gateway. */
  readonly controlUrl?: string;
  readonly controlToken: string;
  readonly pid: number;
}

const controlPath = (dataFolder: string): string => join(dataFolder, "control.json");

/** A secret of one run of a node. */
export const createControlToken = (): string => randomBytes(32).toString("base64url");

/** Puts the file in place in one step, so that no reader sees half of it. */
export async function writeControlFile(dataFolder: string, content: ControlFile): Promise<void> {
  const path = controlPath(dataFolder);
  const draft = `${path}.${content.pid}`;
  await writeFile(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** Undefined when no node has left one, or not a readable one. */
export async function readControlFile(dataFolder: string): Promise<ControlFile | undefined> {
  const text = await readFile(controlPath(dataFolder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const content = JSON.parse(text) as Partial<ControlFile> | null;
    const { url, controlUrl, controlToken, pid } = content ?? {};
    return typeof url === "string" && typeof controlToken === "string" && typeof pid === "number"
      ? { url, ...(typeof controlUrl === "string" && { controlUrl }), controlToken, pid }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The node that has a data folder open and answers. What a process that died has left names nobody. */
export async function findRunning(dataFolder: string): Promise<ControlFile | undefined> {
  const control = await readControlFile(dataFolder);
  if (control === undefined) return undefined;
  const alive = await callNode(forLook(localTarget(control)), "GET", "/healthz");
  return alive.ok ? control : undefined;
}

/** When the node ends, if it knows that it does. At once, because that may be the last thing the process does. */
export function removeControlFile(dataFolder: string): void {
  rmSync(controlPath(dataFolder), { force: true });
}

/** Where admin commands on the same machine go. What they send does not leave it, and the secret is of this one run: so
 *  a certificate for another name, or of an authority that this machine does not know, is none that has to be
 *  checked. */
export const localTarget = ({ url, controlUrl, controlToken }: ControlFile): Target => ({
  url: controlUrl ?? url,
  token: controlToken,
  isLocal: true,
});
