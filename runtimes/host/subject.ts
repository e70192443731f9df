/** What a trial is of, and what a strike is counted against: a model by what is in its files, whatever it is called and
 *  wherever they lie. */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import type { ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { runtimeLimits } from "../limits.ts";

/** Files, what loads them, and how. */
export interface Subject {
  /** What loads them: a fault of one version may be mended in the next. */
  readonly loader: string;
  /** With which settings. */
  readonly how: string;
  /** What the disk knows the files by. */
  readonly disk: string;
  readonly files: readonly string[];
}

const ownManifest = new URL("../../package.json", import.meta.url);
const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** What would be tried. Throws what the file system throws. */
export function subjectOf(spec: ModelSpec): Subject {
  const { native } = adapterOf(spec);
  const files = native?.files(spec) ?? [];
  const { version } = JSON.parse(readFileSync(ownManifest, "utf8")) as { readonly version: string };
  const {
    name: _name,
    keepAliveMs: _stays,
    pinned: _pinned,
    preload: _when,
    path: _path,
    draft,
    lora = [],
    ...settings
  } = spec;
  const loader = hashOf([version, native?.version(), process.arch]);
  const onCard = (spec.gpu ?? false) !== false && { drivers: drivers() };
  const how = hashOf([
    loader,
    settings,
    draft !== undefined,
    lora.map(({ scale }) => scale),
    ...(onCard ? [onCard] : []),
  ]);
  const known = files.map((path) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].map(String);
  });
  return { loader, how, disk: hashOf(known), files };
}

/** What tells the drivers of graphics cards from those before an update: the system's version, and NVIDIA's. */
function drivers(): readonly string[] {
  try {
    return [release(), readFileSync("/proc/driver/nvidia/version", "utf8")];
  } catch {
    return [release()];
  }
}

/** What is in the files, in their order. They are read through. */
export async function contentOf(files: readonly string[]): Promise<string> {
  const all = createHash("sha256");
  for (const file of files) {
    const one = createHash("sha256");
    for await (const part of createReadStream(file, { highWaterMark: runtimeLimits.trialReadBytes }))
      one.update(part as Buffer);
    all.update(one.digest());
  }
  return all.digest("hex");
}

/** What a trial of files with this content is remembered by: it depends on how they are loaded. */
export const trialKey = ({ how }: Subject, content: string): string => hashOf([how, content]);

/** What strikes against such files are counted by: other settings make no other model of them. */
export const strikeKey = ({ loader }: Subject, content: string): string => hashOf([loader, content]);
