/** Playbooks of the watch: what is done by itself when there is an alert, what of it is kept and shown, and what came
 *  of it. */
import { Type, type Static } from "typebox";
import { auditTexts } from "./audit.ts";
import { alertSeverity } from "./detectors.ts";
import { wireLimits as limits } from "../limits.ts";
import { mailAddress } from "./mail.ts";
import type { Permission } from "../authority/permissions.ts";
import { roleName } from "../authority/roles.ts";
import { line, object, position, seenOf } from "../wire/schema.ts";

/** What a playbook can do. `perHourMax`: so often in an hour, in the whole cluster; what is beyond is left to people,
 *  so that nobody has everybody suspended by making up alerts. `of`: whom an alert must be about. `needs`: what who
 *  switches it on must be allowed to do. */
export const playbookActs = {
  revokeSessions: {
    of: "user",
    perHourMax: 10,
    needs: "people.manage",
    does: "Ends the sessions and API keys of the person",
  },
  suspend: { of: "user", perHourMax: 5, needs: "people.manage", does: "Suspends the person's account" },
  isolate: {
    of: "node",
    perHourMax: 1,
    needs: "cluster.administer",
    does: "Drains the node: it gives away all that it holds",
  },
  backup: { of: undefined, perHourMax: 1, needs: "backup.run", does: "Starts a backup of the cluster" },
  page: {
    of: undefined,
    perHourMax: 20,
    needs: "cluster.administer",
    does: "Posts the alert to an HTTPS address, signed",
  },
  mail: {
    of: undefined,
    perHourMax: 20,
    needs: "cluster.administer",
    does: "Sends the alert by mail to an address, or to everybody with a role",
  },
} as const satisfies Readonly<
  Record<
    string,
    {
      readonly of: "user" | "node" | undefined;
      readonly perHourMax: number;
      readonly needs: Permission;
      readonly does: string;
    }
  >
>;
export type PlaybookActs = typeof playbookActs;
export type PlaybookAct = keyof PlaybookActs;

const plainAct = object({
  do: Type.Union([
    Type.Literal("revokeSessions"),
    Type.Literal("suspend"),
    Type.Literal("isolate"),
    Type.Literal("backup"),
  ]),
});
/** A host as it stands in an address, with its port where that is no usual one. */
const host = Type.String({ pattern: "^[^\\s/@?#\\\\]+$", maxLength: 255 });
const httpsUrl = Type.String({
  pattern: "^https://[^\\s@]+$",
  maxLength: 1_024,
  description:
    "An https: address without a name or password in it. " +
    "It is often a secret, so it is written and never read: only its host is shown",
});
const mailActs = [
  object({ do: Type.Literal("mail"), to: mailAddress }),
  object({ do: Type.Literal("mail"), role: roleName }),
] as const;

/** Acts as they are set. A page with its host alone keeps the address that the playbook has there. */
const wantedActs = Type.Array(
  Type.Union([
    plainAct,
    object({ do: Type.Literal("page"), url: httpsUrl }),
    object({ do: Type.Literal("page"), host }),
    ...mailActs,
  ]),
  { minItems: 1, maxItems: limits.playbookActionsMax },
);
/** Acts as they are kept. `sealed`: the address of a page, and the secret with which it is signed. */
export const keptActs = Type.Array(
  Type.Union([
    plainAct,
    object({ do: Type.Literal("page"), host, sealed: Type.String({ maxLength: 2_048 }) }),
    ...mailActs,
  ]),
  { minItems: 1, maxItems: limits.playbookActionsMax },
);
/** Acts as they are shown. Where `to` is not for the reader, it is the domain of the address. */
const shownAct = object({
  do: Type.String({ maxLength: 32 }),
  host: Type.Optional(host),
  to: Type.Optional(Type.String({ maxLength: 254 })),
  role: Type.Optional(roleName),
});
export type ShownAct = Static<typeof shownAct>;

/** The address of a page, and the secret with which it is signed: together they are sealed, and shown to nobody. */
export interface SealedPage {
  readonly url: string;
  readonly secret: string;
}

/** The text of it that is sealed. */
export const sealedPageText = ({ url, secret }: SealedPage): string => JSON.stringify([url, secret]);

/** Reads it; undefined: it is none. */
export function readSealedPage(text: string | undefined): SealedPage | undefined {
  try {
    const [url, secret] = JSON.parse(text ?? "") as readonly unknown[];
    return typeof url === "string" && typeof secret === "string" ? { url, secret } : undefined;
  } catch {
    return undefined;
  }
}

/** For which alerts a playbook is. */
const playbookWhen = object({
  /** `detector/refused-person`, `rule/NAME`, `rule/*`; absent: all. */
  sources: Type.Optional(
    Type.Array(Type.String({ pattern: "^(detector|rule|watch)/([a-z0-9._-]{1,96}|[*])$" }), {
      minItems: 1,
      maxItems: 32,
    }),
  ),
  /** At least this much. */
  severity: Type.Optional(alertSeverity),
});

/** What sets a playbook. It begins as a rehearsal, and each change makes it one again. */
export const playbookBody = object({
  note: Type.Optional(line(limits.alertNoteCharsMax)),
  when: playbookWhen,
  acts: wantedActs,
});
/** Body of the route. `seen`: as it is shown. */
export const setPlaybookBody = object({
  ...playbookBody.properties,
  seen: seenOf(
    object({ ...playbookBody.properties, acts: Type.Array(shownAct, { maxItems: limits.playbookActionsMax }) }),
  ),
});
export type PlaybookBody = Static<typeof playbookBody>;
export const playbookKept = object({
  note: Type.Optional(line(limits.alertNoteCharsMax)),
  when: playbookWhen,
  acts: keptActs,
});
/** Body of the route that switches one. `acts`: those that were seen; it is refused where they are others by now. */
export const playbookMode = object({
  mode: Type.Union([Type.Literal("dryRun"), Type.Literal("on")]),
  acts: Type.Optional(Type.Array(shownAct, { maxItems: limits.playbookActionsMax })),
});

/** A playbook as it is kept. */
export type KeptPlaybook = Static<typeof playbookKept>;
export interface Playbook extends KeptPlaybook {
  readonly name: string;
  readonly mode: "dryRun" | "on";
  readonly setBy: string;
  readonly switchedBy?: string;
}

/** A playbook as it is shown: without addresses of pages, and the secrets with which they are signed. */
export interface ShownPlaybook extends Omit<Playbook, "acts"> {
  readonly acts: readonly ShownAct[];
}

/** All playbooks, and what each act does. */
export interface PlaybookList {
  readonly playbooks: readonly ShownPlaybook[];
  readonly acts: PlaybookActs;
}

/** A playbook in the answer to the admin who has set it. */
export interface PlaybookSet extends ShownPlaybook {
  /** The secret of its pages, which is shown this once. */
  readonly secret?: string;
}

/** One act of a run. `planned`: it is being done; `rehearsed`: it would have been done. */
export const playbookStep = object({
  do: Type.Union([plainAct.properties.do, Type.Literal("page"), Type.Literal("mail")]),
  /** Where a page or a mail goes: a host, a role, the domain of an address. */
  to: Type.Optional(Type.String({ maxLength: 255 })),
  status: Type.Union([
    Type.Literal("planned"),
    Type.Literal("rehearsed"),
    Type.Literal("done"),
    Type.Literal("skipped"),
    Type.Literal("failed"),
  ]),
  reason: Type.Optional(Type.String({ maxLength: auditTexts.fact })),
});
export type PlaybookStep = Static<typeof playbookStep>;

/** An act that was seen: an entry of the audit that an alert came of, as pages, mails and runs carry it. */
export const seenEntry = object({
  atMs: position,
  action: Type.String({ maxLength: 64 }),
  by: Type.String({ maxLength: auditTexts.name }),
  target: Type.Optional(Type.String({ maxLength: auditTexts.name })),
  address: Type.Optional(Type.String({ maxLength: auditTexts.name })),
  outcome: Type.String({ maxLength: 64 }),
});
export type SeenEntry = Static<typeof seenEntry>;

/** A playbook that ran for an alert, or was rehearsed. */
export interface PlaybookRun {
  readonly id: string;
  readonly playbook: string;
  readonly alert: string;
  readonly about: string;
  readonly mode: "dryRun" | "on";
  readonly atMs: number;
  readonly steps: readonly PlaybookStep[];
  /** The admin who has switched the playbook on. */
  readonly switchedBy?: string;
  /** What was seen: entries of the audit that the alert came of. */
  readonly seen?: readonly SeenEntry[];
}

/** A page of runs, the newest first. */
export interface PlaybookRuns {
  readonly runs: readonly PlaybookRun[];
  readonly more: boolean;
}

/** The permissions that an admin who makes alerts of a source needs: those for what the playbooks that are on for it do
 *  by themselves. How severe its alerts are can be set, so that is not looked at. */
export const neededFor = (
  source: string,
  playbooks: readonly Pick<Playbook, "mode" | "when" | "acts">[],
): readonly Permission[] => [
  ...new Set(
    playbooks
      .filter(
        ({ mode, when: { sources } }) =>
          mode === "on" && (sources?.some((one) => one === source || one === `${source.split("/", 1)[0]}/*`) ?? true),
      )
      .flatMap(({ acts }) => acts.map((act): Permission => playbookActs[act.do].needs)),
  ),
];
