import type { Role } from "../ids.ts";

/** What helps after a refusal, in the failure's detail `advice`: a code with its facts. Each client says it in its own
 *  words; one that does not know a code leaves it out. */
export type Advice =
  /** The directory is on the node: move it to etcd first. */
  | { readonly code: "migrateDirectory" }
  /** The command is about the node that was asked: ask another. */
  | { readonly code: "askAnotherNode" }
  /** The node is up and has what others lack: drain it first. */
  | { readonly code: "drain"; readonly node: string }
  /** The same, and the node is down: start it, then drain it. */
  | { readonly code: "startAndDrain"; readonly node: string }
  /** Nobody who could serve has the role: give the node these roles. */
  | { readonly code: "setRoles"; readonly node: string; readonly roles: readonly Role[] };
