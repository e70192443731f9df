/** Scanning of files by an antivirus program (docs/decisions/0188-files-are-scanned.md). A node that has the setting
 *  `antivirus` has a clamd; that is its role in the cluster, and the engine `scan` in what it offers. Nodes ask each
 *  other as they do for models, and the one with the fewest calls is asked.
 *
 *      room ──call `scan`──► listed? ──► the node with the fewest ──► its turn ──► parts, opened ──► clamd
 *                          `listed.ts`                                             `engine.ts`     `clamd.ts`
 *
 *  Files that a list of threats names by their digest are found at the room's own node, with or without a scanner. */
export { createClamd, whyOf } from "./clamd.ts";
export { createScanner } from "./engine.ts";
export { createListedFiles, type ListedFiles } from "./listed.ts";
export { handleScanning } from "./operations.ts";
export { createPolicy, withPolicy, type FileSettings } from "./policy.ts";
