/** Answers of actors that the gateway reads itself, instead of passing them on. To the mesh they are plain data, and
 *  the node that has the actor may be any member: so their form is checked here. */
import { Type, type Static, type TSchema } from "typebox";
import { checkOf } from "../../protocols/wire/check.ts";
import {
  failure,
  passkey,
  personStatus,
  refused,
  schema,
  type Authenticated,
  type Result,
  type Resumed,
} from "../../protocols/index.ts";

const event = Type.Object({ at: schema.position, event: Type.Object({}) });

/** What of them the gateway reads, by the command that is answered. */
const answers = {
  resume: Type.Unsafe<Resumed<unknown, unknown>>(
    Type.Object({
      head: schema.position,
      state: Type.Optional(Type.Unknown()),
      events: Type.Optional(Type.Array(event)),
      more: Type.Optional(Type.Boolean()),
      signals: Type.Optional(Type.Array(Type.Object({}), { maxItems: 1_024 })),
    }),
  ),
  authenticate: Type.Unsafe<Authenticated>(
    Type.Object({
      user: Type.String(),
      admin: Type.Boolean(),
      session: Type.String(),
      kind: Type.Union([Type.Literal("session"), Type.Literal("key")]),
      expiresAtMs: Type.Optional(Type.Number()),
      provedAgoMs: Type.Optional(Type.Number()),
      usedAgoMs: Type.Optional(Type.Number()),
      status: Type.Optional(Type.Object(personStatus.properties)),
    }),
  ),
  credentials: Type.Object({
    passwordHash: Type.Optional(Type.String()),
    /** An older node does not say, as below. */
    known: Type.Optional(Type.Boolean()),
    factors: Type.Optional(
      Type.Object({
        password: Type.Boolean(),
        passkeys: schema.position,
        totp: Type.Boolean(),
        recovery: schema.position,
        identities: Type.Array(Type.String()),
      }),
    ),
    suspended: Type.Optional(Type.Boolean()),
    totp: Type.Optional(Type.String()),
    totpBegun: Type.Optional(Type.String()),
    passkeys: Type.Optional(Type.Array(Type.Object(passkey.properties))),
  }),
  describe: Type.Object({ rooms: Type.Array(schema.roomKey) }),
  sessions: Type.Object({
    sessions: Type.Array(Type.Object({ id: Type.String() })),
    status: Type.Optional(Type.Object(personStatus.properties)),
  }),
  summary: Type.Object({
    messageSeq: schema.position,
    unread: schema.position,
    mentioned: Type.Boolean(),
    last: Type.Optional(Type.Object({ author: Type.String(), atMs: Type.Number() })),
  }),
} as const satisfies Record<string, TSchema>;

type Command = keyof typeof answers;

const checks = Object.fromEntries(Object.entries(answers).map(([command, answer]) => [command, checkOf(answer)]));

/** The answer to a command, if it is one; refused INTERNAL when it is none: whose fault that is, nobody here can
 *  know. */
export function answerTo<Name extends Command>(
  command: Name,
  result: Result<unknown>,
): Result<Static<(typeof answers)[Name]>> {
  if (!result.ok) return result;
  if (checks[command]?.Check(result.value) === true) return result as Result<Static<(typeof answers)[Name]>>;
  return refused(failure("INTERNAL", { reason: `the answer to ${command} is malformed` }));
}
