/** What may come from another voter. A node that sends anything else is no voter, whatever it says. */
import { Type } from "typebox";
import { checkOf } from "../../../../protocols/wire/check.ts";
import { decodeFromPeer, encode } from "../../../../protocols/index.ts";
import type { Asked } from "./rows.ts";
import type { VoterMessage } from "./voter-message.ts";

const closed = <Fields extends Parameters<typeof Type.Object>[0]>(fields: Fields) =>
  Type.Object(fields, { additionalProperties: false });
const count = Type.Integer({ minimum: 0 });
const term = count;
const node = Type.String({ minLength: 1, maxLength: 256 });
const key = Type.String({ maxLength: 256 });
const bytes = Type.Unsafe<Uint8Array>(Type.Refine(Type.Unknown(), (value) => value instanceof Uint8Array));
const mark = { index: count, term };
const members = closed({ voters: Type.Array(node), learners: Type.Array(node) });
// Open: logs have guards that a voter of before wrote with the rest of the row in them.
const guard = Type.Object({ key, revision: count });
const change = closed({
  key,
  bytes: Type.Optional(Type.Union([bytes, Type.Undefined()])),
  revision: count,
  guard: Type.Optional(Type.Union([guard, Type.Undefined()])),
});
const home = closed({
  endpoints: Type.Array(Type.String({ maxLength: 500 }), { minItems: 1, maxItems: 9 }),
  prefix: Type.String({ maxLength: 256 }),
  generation: Type.Optional(count),
});
const departure = closed({ home, revision: count });
const body = Type.Union([
  closed({ type: Type.Literal("data"), data: change }),
  closed({ type: Type.Literal("data"), data: departure }),
  closed({ type: Type.Literal("members"), members }),
  closed({ type: Type.Literal("begin") }),
]);
const entry = closed({ ...mark, body });
// As between other nodes, the value as bytes: a voter takes as many rows as there may be, whatever is in them.
const row = Type.Tuple([key, count, bytes]);
const state = closed({ revision: count, rows: Type.Array(row), home: Type.Optional(home) });

const check = checkOf(
  Type.Union([
    closed({ type: Type.Literal("vote"), term, pre: Type.Boolean(), forced: Type.Boolean(), last: closed(mark) }),
    closed({ type: Type.Literal("voted"), term, pre: Type.Boolean(), granted: Type.Boolean() }),
    closed({
      type: Type.Literal("append"),
      term,
      previous: closed(mark),
      entries: Type.Array(entry),
      commit: count,
      round: count,
    }),
    closed({ type: Type.Literal("appended"), term, match: count, round: count }),
    closed({ type: Type.Literal("refused"), term, previous: count, hint: closed(mark), round: count }),
    closed({ type: Type.Literal("install"), term, snapshot: closed({ ...mark, members, state }), round: count }),
    closed({ type: Type.Literal("lead"), term }),
  ]),
);

const asked = checkOf(Type.Union([change, departure]));

/** Whether other voters take it. What they do not must never be in a log: it would be sent to them for ever, and they
 *  would take its sender for none of them each time. */
export const isTaken = (proposed: Asked): boolean => asked.Check(proposed);

type WireRow = readonly [key: string, revision: number, value: Uint8Array];

/** What `voterMessageIn` reads. */
export function voterMessageOut(message: VoterMessage): Uint8Array {
  if (message.type !== "install") return encode(message);
  const { snapshot } = message;
  const rows = snapshot.state.rows.map((one): WireRow => [one.key, one.revision, encode(one.value)]);
  return encode({ ...message, snapshot: { ...snapshot, state: { ...snapshot.state, rows } } });
}

/** Undefined: it is none. */
export function voterMessageIn(encoded: Uint8Array): VoterMessage | undefined {
  try {
    const said = decodeFromPeer(encoded);
    return check.Check(said) ? messageIn(said as VoterMessage) : undefined;
  } catch {
    return undefined;
  }
}

function messageIn(message: VoterMessage): VoterMessage | undefined {
  if (message.type === "install") {
    const { snapshot } = message;
    const packed = snapshot.state.rows as unknown as readonly WireRow[];
    const rows = packed.map(([key, revision, value]) => ({ key, value: decodeFromPeer(value), revision }));
    return { ...message, snapshot: { ...snapshot, state: { ...snapshot.state, rows } } };
  }
  // A log has no gaps, and no entry is of a term that its leader has not seen.
  if (message.type !== "append") return message;
  const { previous, entries } = message;
  return entries.every((one, at) => one.index === previous.index + 1 + at && one.term <= message.term)
    ? message
    : undefined;
}
