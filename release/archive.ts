import { execFileSync } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { createPublicKey } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  digestOfFile,
  digestOfPackage,
  filesBelow,
  isShipped,
  packagesBelow,
  releasePaths,
  sealEnvelope,
  statementOf,
  type Provenance,
  type Subject,
} from "../cli/release/index.ts";
import { licenceTable, type LicenceRules } from "./licences.ts";
import type { Package } from "./lock.ts";
import { sbomOf } from "./sbom.ts";

/** What a release is made of. */
export interface Release {
  /** A folder with every file that is shipped, and nothing else: it gets the files of the release itself. */
  readonly staged: string;
  /** A folder with the packages, as `npm ci` installed them. */
  readonly installed: string;
  readonly all: { readonly root: Package; readonly packages: readonly Package[] };
  readonly rules: LicenceRules;
  readonly provenance: Provenance;
  readonly key: KeyObject;
  /** Where archive and statement go. */
  readonly out: string;
}

const write = async (path: string, bytes: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
};

async function fileSubjects(folder: string): Promise<readonly Subject[]> {
  const subjects: Subject[] = [];
  for (const name of await filesBelow(folder, (path) => !isShipped(path)))
    subjects.push({ name, digest: await digestOfFile(join(folder, name)) });
  return subjects;
}

async function packageSubjects(folder: string): Promise<readonly Subject[]> {
  const subjects: Subject[] = [];
  for (const name of await packagesBelow(folder))
    subjects.push({ name, digest: await digestOfPackage(join(folder, name)) });
  return subjects;
}

/** The files of a folder in an archive that is the same for the same files: in order, of nobody, without times. */
function archiveOf(folder: string, name: string): Buffer {
  const flags = ["--format=ustar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const modes = ["--mode=u=rwX,go=rX", `--transform=s,^\\.,${name},`];
  const tar = execFileSync("tar", [...flags, ...modes, "-C", folder, "-cf", "-", "."], { maxBuffer: 2 ** 30 });
  return gzipSync(tar, { level: 9 });
}

/** Signs a file of a release: the statement lies beside it, as `plexus verify-release FILE` reads it. */
export async function signFile(path: string, provenance: Provenance, key: KeyObject): Promise<string> {
  const subjects: readonly Subject[] = [{ name: basename(path), digest: await digestOfFile(path) }];
  const statement = `${path}.intoto.json`;
  await write(statement, sealed(subjects, provenance, key));
  return statement;
}

const sealed = (subjects: readonly Subject[], provenance: Provenance, key: KeyObject): string =>
  `${JSON.stringify(sealEnvelope(statementOf(subjects, provenance), key))}\n`;

/** Makes the archive of a release and signs it. Returns the paths of archive and statement. */
export async function makeArchive(release: Release): Promise<{ readonly archive: string; readonly statement: string }> {
  const { staged, installed, all, rules, provenance, key, out } = release;
  const shipped = all.packages.filter(({ development }) => !development);
  await write(join(staged, releasePaths.sbom), sbomOf(all, rules));
  await write(join(staged, releasePaths.licences), licenceTable(shipped, rules));
  await write(join(staged, releasePaths.key), createPublicKey(key).export({ type: "spki", format: "pem" }));
  const shippedSubjects = [...(await fileSubjects(staged)), ...(await packageSubjects(installed))];
  const manifest = sealed(shippedSubjects, provenance, key);
  await write(join(staged, releasePaths.manifest), manifest);
  const name = `plexus-${provenance.version}`;
  const archive = join(out, `${name}.tar.gz`);
  await write(archive, archiveOf(staged, name));
  const statement = await signFile(archive, provenance, key);
  await write(join(out, `${name}.sbom.cdx.json`), await readFile(join(staged, releasePaths.sbom)));
  return { archive, statement };
}
