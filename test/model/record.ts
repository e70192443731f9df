/** Which configurations were checked and ended as they should, as they are now. A check is the same whenever it runs:
 *  only what has changed since has to be checked again. `npm run test:long` checks everything all the same. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint, type Configuration } from "./spin.ts";

const path = join(import.meta.dirname, "checked.json");

/** Fingerprints by name. */
const record: Readonly<Record<string, string>> = existsSync(path)
  ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, string>)
  : {};

/** Whether it was checked as it is now. */
export const isRecorded = (configuration: Configuration): boolean =>
  record[configuration.name] === fingerprint(configuration);

/** Notes that they ended as they should; of others what was noted before. */
export function writeRecord(checked: readonly Configuration[]): void {
  const fresh = checked.map((one): [string, string] => [one.name, fingerprint(one)]);
  writeFileSync(path, `${JSON.stringify({ ...record, ...Object.fromEntries(fresh) }, undefined, 2)}\n`);
}
