/** What the operations on secrets with names do. */
import {
  failure,
  ok,
  refused,
  secretReference,
  type Asker,
  type Done,
  type HandlersOf,
  type Result,
  type secretOperations,
  type SecretView,
} from "../../../protocols/index.ts";
import type { NamedSecrets, SecretAuthor, SecretRow } from "./secrets.ts";

/** One setting that has a secret. */
interface SecretUse {
  /** `mail`, `identity-provider/google`. */
  readonly of: string;
  /** `secret:NAME`; something else: it keeps it by itself. */
  readonly sealed: string;
}

/** Secrets, as admins see and set them. */
export interface SecretsControl {
  readonly named: Pick<NamedSecrets, "list" | "set" | "rotate" | "remove">;
  uses(): Promise<readonly SecretUse[]>;
  /** Makes what a setting keeps by itself a secret of that name, to which the setting refers from then on. Errors:
   *  NOT_FOUND, NAME_TAKEN, OVERLOADED. */
  adopt(name: string, from: string, author: SecretAuthor): Promise<Result<SecretRow>>;
}

/** The handlers. `nowMs` says when something was set. */
export function handleSecrets(control: SecretsControl, nowMs: () => number): HandlersOf<typeof secretOperations> {
  const { named } = control;
  const author = ({ by }: Asker): SecretAuthor => ({ by, nowMs: nowMs() });
  /** Does it, and says how the secret was and is. */
  async function change(name: string, act: () => Promise<Result<SecretRow>>): Promise<Done<SecretView>> {
    const before = shown(named.list().find((row) => row.name === name));
    const known = await control.uses();
    const done = await act();
    if (!done.ok) return { result: done };
    // It is done and has to be in the audit, whatever can be read now.
    const result = ok(viewOf(done.value, await control.uses().catch(() => known)));
    return { result, before, after: shown(done.value) };
  }
  return {
    "secrets.list": async () => {
      const uses = await control.uses();
      return ok({
        secrets: named.list().map((row) => viewOf(row, uses)),
        own: uses.filter(({ sealed }) => secretReference(sealed) === undefined).map(({ of }) => of),
      });
    },
    "secrets.set": ({ secret, ...said }, asker) => change(secret, () => named.set(secret, said, author(asker))),
    "secrets.rotate": ({ secret, value }, asker) => change(secret, () => named.rotate(secret, value, author(asker))),
    "secrets.adopt": ({ secret, from }, asker) => change(secret, () => control.adopt(secret, from, author(asker))),
    "secrets.remove": async ({ secret }) => {
      const used = usedBy(await control.uses(), secret);
      const [first] = used;
      if (first !== undefined)
        return { result: refused(failure("FORBIDDEN", { reason: `it is used by ${used.join(", ")}`, secret })) };
      const gone = await named.remove(secret);
      if (!gone.ok) return { result: gone };
      return { result: ok(viewOf(gone.value, [])), before: shown(gone.value) };
    },
  };
}

/** What uses a secret. */
const usedBy = (uses: readonly SecretUse[], name: string): readonly string[] =>
  uses.filter(({ sealed }) => secretReference(sealed) === name).map(({ of }) => of);

/** A secret as the audit says it. */
const shown = (row: SecretRow | undefined) =>
  row && { version: row.version, for: [...row.for], ...(row.note !== undefined && { note: row.note }) };

/** A secret without what it is. */
function viewOf(row: SecretRow, uses: readonly SecretUse[]): SecretView {
  const { sealed: _, ...rest } = row;
  return { ...rest, usedBy: usedBy(uses, row.name) };
}
