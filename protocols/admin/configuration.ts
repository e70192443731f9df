/** The configuration of the cluster, as admins see and change it
 *  (docs/decisions/0092-configuration-of-the-cluster.md). */
import { Type, type Static } from "typebox";
import { object } from "../wire/schema.ts";

/** The dotted name of a key: `log.level`. */
export const settingKey = Type.String({ pattern: "^[a-zA-Z]{1,32}(\\.[a-zA-Z]{1,32})?$" });
/** Keys that one change may name. */
export const settingsOfChangeMax = 64;
const nodeName = Type.String({ minLength: 1, maxLength: 128, description: "the name of a node; absent: all nodes" });
const revision = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const changes = {
  node: Type.Optional(nodeName),
  /** New values, by key. */
  set: Type.Optional(Type.Record(settingKey, Type.Unknown(), { maxProperties: settingsOfChangeMax })),
  /** Keys of which the cluster is to say nothing any more. */
  unset: Type.Optional(Type.Array(settingKey, { maxItems: settingsOfChangeMax, uniqueItems: true })),
};

/** `POST /admin/configuration/plan`: what a change, or a way back, would do. */
export const planSettings = object({ ...changes, to: Type.Optional(revision) });
export type PlanSettings = Static<typeof planSettings>;

/** `PUT /admin/configuration`. `revision` is the one that the caller has seen. */
export const changeSettings = object({ ...changes, revision });

/** `POST /admin/configuration/rollback`: everything as it was after the change `to`; 0: before the first one. */
export const rollBackSettings = object({ node: Type.Optional(nodeName), revision, to: revision });

/** `GET /admin/configuration/history`. */
export const settingsQuery = object({ node: Type.Optional(nodeName) });

/** `GET /admin/configuration`: how one node is configured; without, all. */
export const settingsViewQuery = object({
  node: Type.Optional(nodeName),
  own: Type.Optional(Type.Boolean({ description: "the node that is asked, alone" })),
});

/** Where a value comes from, the weakest first. */
export const settingSources = ["default", "file", "cluster", "node", "environment", "flags"] as const;

/** What a key is. */
export interface SettingKind {
  readonly key: string;
  readonly says: string;
  /** JSON Schema. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly variable: string;
  /** A running node takes a change of it. */
  readonly live: boolean;
  /** Why only the node itself can be told. Absent: admins can set it here. */
  readonly own?: string;
}

/** How a key stands at a node; see `SettingState` of the configuration. */
export interface SettingAtNode {
  readonly key: string;
  readonly value?: unknown;
  readonly source: string;
  readonly at?: string;
  readonly next?: { readonly value?: unknown; readonly source: string };
  readonly notApplied?: string;
}

/** All keys of one node. */
export interface NodeSettings {
  /** Its name. */
  readonly node: string;
  readonly settings: readonly SettingAtNode[];
  /** Why nothing is known of it now: it is down, or of a version without this. */
  readonly unknown?: string;
}

/** A value that admins have set. */
export interface SetValue {
  readonly value: unknown;
  readonly by: string;
  readonly atMs: number;
}

/** What admins have set for all nodes, or for one. */
export interface SettingsScope {
  /** Absent: all nodes. */
  readonly node?: string;
  /** The number of changes so far. */
  readonly revision: number;
  readonly values: Readonly<Record<string, SetValue>>;
}

/** `GET /admin/configuration`. */
export interface SettingsView {
  readonly keys: readonly SettingKind[];
  /** Names of all nodes, the one that was asked first. */
  readonly names?: readonly string[];
  readonly nodes: readonly NodeSettings[];
  readonly scopes: readonly SettingsScope[];
}

/** What a change did to one key. Absent: nothing was set. */
export interface SettingChange {
  readonly key: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A change that was made. */
export interface SettingsChange {
  readonly revision: number;
  readonly atMs: number;
  readonly by: string;
  readonly changes: readonly SettingChange[];
  /** The revision that it went back to. */
  readonly backTo?: number;
}

/** `GET /admin/configuration/history`, newest first. */
export interface SettingsHistory {
  readonly revision: number;
  readonly changes: readonly SettingsChange[];
  /** Older ones are not kept. */
  readonly cut: boolean;
}

/** What a change does to one key of a node. */
export interface SettingEffectAtNode {
  readonly key: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** `now`, `restart`, or `none`: nothing changes there, and `why`. */
  readonly takes: string;
  readonly why?: string;
}

/** What a change does at one node. */
export interface NodeEffects {
  readonly node: string;
  readonly effects: readonly SettingEffectAtNode[];
  readonly unknown?: string;
}

/** The answer of a plan, a change, and a way back. */
export interface SettingsPlan {
  /** What is set differs in this. */
  readonly changes: readonly SettingChange[];
  readonly nodes: readonly NodeEffects[];
  /** After the change; of a plan, the one that it would follow. */
  readonly revision: number;
}
