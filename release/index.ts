/** What a release is made of and what is known of it: which packages it stands on, by which licences, with which known
 *  faults, and the archive that is signed.
 *
 *      package-lock.json ─► lock.ts ─┬─► sbom.ts        what is in it, as CycloneDX
 *                                    ├─► licences.ts    by which licence; one that is not allowed fails the check
 *                                    └─► advisories.ts  known faults; one without a reviewed exception fails the check
 *      git archive, the page ────────────► build.ts       the archive and the manifest of its files, both signed
 *
 *  The data that people review lie beside it: `licences.json`, `advisories.json`, `exceptions.json`. What an
 *  installation checks a release with is part of the `plexus` command: `cli/release/`. */
export {
  advisoryFindings,
  auditProblems,
  onlineFindings,
  type Advisory,
  type Exception,
  type Finding,
} from "./advisories.ts";
export { licenceProblems, licenceTable, type LicenceRules } from "./licences.ts";
export { packagesOf, withPage, type LockFile, type Package } from "./lock.ts";
export { readFacts, type Facts } from "./facts.ts";
export { makeArchive, signFile, type Release } from "./archive.ts";
export { sbomOf, sbomProblems } from "./sbom.ts";
