/** Whether a node's disk is encrypted. */
import { Type } from "typebox";
import type { Failure } from "../errors.ts";
import { object } from "../wire/schema.ts";

/** Body. */
export const setDisk = object({ encrypted: Type.Boolean() });

/** How far a node's disk is. */
export interface DiskStatus {
  /** `sealing`: it is being encrypted, and what is written is. `opening`: the other way. */
  readonly state: "plain" | "sealing" | "sealed" | "opening";
  /** Where its key lies, or would. */
  readonly keyFile: string;
  /** Id of the key; absent while the disk is plain. */
  readonly key?: string;
  /** Slots, and what belongs to none, while they are rewritten. */
  readonly parts?: { readonly done: number; readonly total: number };
  /** Why it does not get on; it is tried again. */
  readonly fault?: Failure;
}

/** A disk that is encrypted or opened, as its node remembers it. */
export interface DiskTask {
  readonly id: string;
  readonly to: "sealed" | "plain";
  readonly by?: string;
  readonly state: "running" | "done" | "cancelled";
  readonly begunAtMs: number;
  readonly endedAtMs?: number;
  readonly parts?: { readonly done: number; readonly total: number };
  readonly fault?: Failure;
}
