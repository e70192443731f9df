/** API keys of all accounts, for the checklist of `plexus doctor --security`: a key that nobody remembers lets in
 *  whatever has it. */
import type { PersonView, Session } from "../../protocols/index.ts";
import type { callsTo } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { counted } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Check } from "./check.ts";

/** A key, and whose it is. */
interface HeldKey extends Pick<Session, "id" | "label" | "createdAtMs" | "expiresAtMs" | "usedAtMs"> {
  readonly user: string;
}

/** The keys of the accounts that were looked at. */
export interface ApiKeys {
  readonly keys: readonly HeldKey[];
  /** There are more accounts, or some did not answer. */
  readonly partly: boolean;
}

const dayMs = 24 * 3_600_000;
/** A key that is older should be replaced: by then it has been in many files and logs. */
const keyDaysMax = 365;
/** A key that was not used for so long is needed by nothing. */
const unusedDaysMax = 90;
/** Keys that one line names. */
const namedMax = 3;

/** Reads the keys, of a bounded number of accounts. */
export async function readApiKeys(call: ReturnType<typeof callsTo>): Promise<ApiKeys | undefined> {
  const keys: HeldKey[] = [];
  let looked = 0;
  let partly = false;
  for (let after: string | undefined; ;) {
    const limit = cliLimits.actorPageRows;
    const page = await call("actors.list", { kind: "user", limit, ...(after !== undefined && { after }) });
    if (!page.ok) return looked === 0 ? undefined : { keys, partly: true };
    const { rows, more, unanswered = [] } = page.value;
    partly ||= unanswered.length > 0;
    for (let from = 0; from < rows.length; from += cliLimits.accountsAtOnce) {
      const names = rows.slice(from, from + cliLimits.accountsAtOnce).map(({ actor }) => actor.slice("user/".length));
      const views = await Promise.all(names.map((user) => call("people.show", { user })));
      // A name that nobody has signed up with has no keys.
      partly ||= views.some((view) => !view.ok && view.error.code !== "NOT_FOUND");
      keys.push(...views.flatMap((view, at) => (view.ok ? keysOf(names[at] ?? "", view.value) : [])));
    }
    looked += rows.length;
    after = rows.at(-1)?.actor;
    if (!more || after === undefined) return { keys, partly };
    if (looked >= cliLimits.accountsLookedAtMax) return { keys, partly: true };
  }
}

const keysOf = (user: string, { sessions }: PersonView): readonly HeldKey[] =>
  sessions
    .filter(({ kind }) => kind === "key")
    .map(({ id, label, createdAtMs, expiresAtMs, usedAtMs }) => ({
      user,
      id,
      label,
      createdAtMs,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
      ...(usedAtMs !== undefined && { usedAtMs }),
    }));

/** What the checklist says of them. */
export function apiKeyChecks(found: ApiKeys | undefined, nowMs: number): readonly Check[] {
  const name = "API keys";
  if (found === undefined) return [{ name, state: "skipped", says: "no node runs on this data folder" }];
  const open = found.keys.filter(({ expiresAtMs = Infinity }) => expiresAtMs > nowMs);
  const isOlder = (atMs: number, days: number): boolean => nowMs - atMs > days * dayMs;
  const old = open.filter(({ createdAtMs }) => isOlder(createdAtMs, keyDaysMax));
  const unused = open.filter(({ createdAtMs, usedAtMs = createdAtMs }) => isOlder(usedAtMs, unusedDaysMax));
  const endless = open.filter(({ expiresAtMs }) => expiresAtMs === undefined);
  const replace = "Make a new key for the program, then end the old one:";
  const findings: readonly (Check | undefined)[] = [
    finding("API keys' age", old, { says: `older than ${keyDaysMax} days`, does: replace }),
    finding("Unused keys", unused, { says: `not used for ${unusedDaysMax} days`, does: "End them:" }),
    finding("Endless keys", endless, { says: "without an end", does: "Make a new key that ends, then end this one:" }),
  ];
  const warnings = findings.filter((one) => one !== undefined);
  const rest: readonly Check[] = found.partly
    ? [{ name, state: "skipped", says: `not all accounts were looked at: ${counted(open.length, "key")} found` }]
    : warnings.length === 0
      ? [
          {
            name,
            state: "good",
            says: open.length === 0 ? "none" : `${counted(open.length, "key")}, in use, with an end`,
          },
        ]
      : [];
  return [...warnings, ...rest];
}

function finding(
  name: string,
  keys: readonly HeldKey[],
  { says, does }: { readonly says: string; readonly does: string },
): Check | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  const named = keys
    .slice(0, namedMax)
    .map(({ user, id, label }) => withoutControls(`${user}: ${label} (${id})`))
    .join(", ");
  const more = keys.length > namedMax ? `, and ${keys.length - namedMax} more` : "";
  return {
    name,
    state: "warning",
    says: `${counted(keys.length, "API key")} ${says}: ${named}${more}`,
    hint: `${does} plexus users revoke ${first.user} ${first.id}`,
  };
}
