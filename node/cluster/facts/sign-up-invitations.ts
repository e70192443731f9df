/** Invitations of admins with which people make accounts where sign-up asks for one: rows of the directory, by the hash
 *  of their code. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  holdsAt,
  ok,
  refused,
  wireLimits,
  type Result,
  type SignUpInvitation,
} from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { changeRow } from "./one-row.ts";

const prefix = "sign-up/";
/** Invitations of a cluster; expired ones make room. */
const signUpInvitationsMax = 256;

const isInvitation = checkOf(
  Type.Object({
    id: Type.String(),
    uses: Type.Integer(),
    expiresAtMs: Type.Number(),
    by: Type.String(),
    note: Type.String(),
    guest: Type.Optional(
      Type.Object({ room: Type.Optional(Type.String()), lifeMs: Type.Integer(), by: Type.Optional(Type.String()) }),
    ),
  }),
);
const read = (row: DirectoryRow | undefined): SignUpInvitation | undefined =>
  row !== undefined && isInvitation.Check(row.value) ? (row.value as SignUpInvitation) : undefined;

/** How a node makes, lists and uses them. All reject with DIRECTORY_UNAVAILABLE. */
export interface SignUpInvitations {
  /** Errors: LIMIT_REACHED, OVERLOADED. */
  make(invitation: SignUpInvitation, nowMs: number): Promise<Result<SignUpInvitation>>;
  /** Those that may still be used. */
  list(nowMs: number): Promise<readonly SignUpInvitation[]>;
  /** Error: NOT_FOUND. */
  remove(id: string): Promise<Result<SignUpInvitation>>;
  /** Takes one use, or gives one back that came to nothing. Errors: SIGN_UP_INVITATION_INVALID, OVERLOADED. */
  use(id: string, nowMs: number, count: 1 | -1): Promise<Result<SignUpInvitation>>;
}

/** On the rows of a directory. */
export function signUpInvitations(directory: Pick<Directory, "read" | "list" | "compareAndSet">): SignUpInvitations {
  const change = (
    id: string,
    to: (now: SignUpInvitation | undefined) => Result<SignUpInvitation | undefined>,
  ): Promise<Result<SignUpInvitation | undefined>> =>
    changeRow(directory, `${prefix}${id}`, { make: (row) => to(read(row)), name: prefix, attemptsMax: 8 });
  const all = async (): Promise<readonly SignUpInvitation[]> =>
    (await directory.list(prefix)).map(read).filter((one) => one !== undefined);
  const holds = ({ uses, expiresAtMs }: SignUpInvitation, nowMs: number): boolean =>
    uses > 0 && holdsAt(nowMs, expiresAtMs, wireLimits.signUpInvitationMsMax);

  return {
    async make(invitation, nowMs) {
      const there = await all();
      const over = there.filter((one) => !holds(one, nowMs));
      for (const { id } of over) await change(id, () => ok(undefined));
      if (there.length - over.length >= signUpInvitationsMax)
        return refused(failure("LIMIT_REACHED", { limit: "signUpInvitationsMax", max: signUpInvitationsMax }));
      const made = await change(invitation.id, () => ok(invitation));
      return made.ok ? ok(invitation) : made;
    },
    list: async (nowMs) => (await all()).filter((one) => holds(one, nowMs)),
    async remove(id) {
      let before: SignUpInvitation | undefined;
      const removed = await change(id, (now) => {
        before = now;
        return now === undefined ? refused(failure("NOT_FOUND", { id })) : ok(undefined);
      });
      return removed.ok && before !== undefined ? ok(before) : refused(failure("NOT_FOUND", { id }));
    },
    async use(id, nowMs, count) {
      let after: SignUpInvitation | undefined;
      const used = await change(id, (now) => {
        if (now === undefined || (count > 0 && !holds(now, nowMs)))
          return refused(failure("SIGN_UP_INVITATION_INVALID"));
        after = { ...now, uses: now.uses - count };
        return ok(after);
      });
      return used.ok && after !== undefined
        ? ok(after)
        : used.ok
          ? refused(failure("SIGN_UP_INVITATION_INVALID"))
          : used;
    },
  };
}
