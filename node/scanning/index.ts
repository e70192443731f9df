/** Scanning of files by an antivirus program (docs/decisions/0188-files-are-scanned.md). A node that has the setting
 *  `antivirus` has a clamd; that is its role in the cluster, and the engine `scan` in what it offers. Nodes ask each
 *  other as they do for models, and the one with the fewest calls is asked.
 *
 *      room ──call `scan`──► the node with the fewest ──► its turn ──► parts, opened ──INSTREAM──► clamd
 *                                                                      `engine.ts`                 `clamd.ts` */
export { createClamd, whyOf, type Clamd, type ClamdPlace } from "./clamd.ts";
export { createScanner } from "./engine.ts";
export { handleScanning, type ScanningParts } from "./operations.ts";
export { scanningLimits, type ScanningLimits } from "./limits.ts";
export { createPolicy, withPolicy, type FileSettings } from "./policy.ts";
