/** Members who were warned (docs/decisions/0277-muted-and-warned.md).
 *
 *      gateway: warn ──► kept beside the stream ──ask `roomWarned`──► the person's account: a notice ──► told
 *                             │                        ▲      │
 *                             │                        └──────┴── reminder: no answer, asked again
 *                             └── the person says so ──► read
 *
 *  What is told names the warning, so it may be told any number of times. It is no mail of the outbox: a node of the
 *  version before passes over what is written here, and would give its number to other mail. */
import type { ActorId, MessageOf, Result, RoomWarning, RoomWarnings, roomCommands } from "../../protocols/index.ts";
import { agoMs } from "../../protocols/times/index.ts";
import { note, persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { hasByRank } from "./members.ts";
import type { KeptWarning, Room, RoomChange, RoomNotes, WarningChange } from "./shape.ts";
import { isToldAgain } from "../kept-bytes.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

const hourMs = 3_600_000;

/** The id of the reminder that somebody is to be told of a warning again. */
export const warningReminder = "warnings";

/** Tag of what an account is told of a warning. */
export interface WarnedTag {
  readonly type: "warned";
  readonly id: string;
}

const written = (warning: WarningChange) => persist<RoomChange>({ type: "readMarked", member: "", seq: 0, warning });

const shown = ({ untold: _untold, ...warning }: KeptWarning): RoomWarning => warning;

const tell = ({ id, member, by, atMs, reason }: KeptWarning, { key }: Pick<Turn, "key">): Effect<never, never> => ({
  type: "ask",
  to: member as ActorId,
  message: { type: "roomWarned", room: key, id, by, atMs, reason },
  tag: { type: "warned", id } satisfies WarnedTag,
  timeoutMs: limits.outboxTimeoutMs,
});

/** Warns a person, who hears of it wherever they are. Errors: BAD_REQUEST, LIMIT_REACHED. */
export function warn(room: Room, { member, id, reason }: Of<"warn">, turn: Turn): Effects {
  if (!member.startsWith("user/")) return [refuse("BAD_REQUEST", { field: "member" })];
  const known = room.warnings?.find((one) => one.id === id);
  if (known !== undefined) return [reply(shown(known))];
  const lately = (room.warnings ?? []).filter((one) => one.member === member && agoMs(turn.nowMs, one.atMs) < hourMs);
  if (lately.length >= limits.warningsPerHourMax) return [refuse("LIMIT_REACHED", { limit: "warningsPerHourMax" })];
  const warning: KeptWarning = { id, member, by: turn.from, atMs: turn.nowMs, reason, untold: true };
  return [written({ is: "made", warning }), tell(warning, turn), reply(shown(warning))];
}

const untoldIn = ({ warnings = [] }: Room): readonly KeptWarning[] => warnings.filter(({ untold }) => untold === true);

/** Whether somebody does not know yet that they were warned. */
export const hasUnheard = (room: Room): boolean => untoldIn(room).length > 0;

const againLater = ({ nowMs }: Pick<Turn, "nowMs">) =>
  ({ type: "remind", id: warningReminder, dueMs: nowMs + limits.outboxRetryMs }) as const;

/** Tells those who do not know, some at a time behind the warning of this id; a reminder has the rest told. */
export function tellWarned(
  room: Room,
  turn: Pick<Turn, "key" | "nowMs">,
  upTo?: string,
): readonly Effect<never, Partial<RoomNotes>>[] {
  const untold = untoldIn(room);
  const place = untold.findIndex(({ id }) => id === upTo) + 1;
  const inTurn = [...untold.slice(place), ...untold.slice(0, place)].slice(0, limits.storedToldAtOnce);
  const warnedUpTo = inTurn.at(-1)?.id;
  return [
    ...inTurn.map((warning) => tell(warning, turn)),
    ...(warnedUpTo === undefined ? [] : [note({ warnedUpTo })]),
    ...(untold.length > inTurn.length ? [againLater(turn)] : []),
  ];
}

/** An account has answered, or did not. */
export function onWarnedTold(room: Room, { id }: WarnedTag, result: Result<unknown>, turn: Turn): Effects {
  if (!untoldIn(room).some((warning) => warning.id === id)) return [];
  if (!result.ok && isToldAgain(result.error)) return [againLater(turn)];
  return [written({ is: "told", id })];
}

/** The reminder rang. It goes on behind those whom it told the last time, so that none who cannot be reached keep the
 *  others from being told. */
export const onWarningsDue = (room: Room, turn: Turn<RoomNotes>) =>
  [{ type: "forget", id: warningReminder } as const, ...tellWarned(room, turn, turn.notes.warnedUpTo)] as const;

/** All warnings for moderators, and for other members their own: the newest first. */
function warnings(room: Room, _command: unknown, { from }: Turn): Effects {
  const isAll = hasByRank(room, from, "room.mute");
  const those = (room.warnings ?? []).filter(({ member }) => isAll || member === from);
  return [reply({ warnings: those.map(shown).toReversed() } satisfies RoomWarnings)];
}

/** The person has read it. Error: NOT_FOUND. */
function acknowledgeWarning(room: Room, { id }: Of<"acknowledgeWarning">, turn: Turn): Effects {
  const known = room.warnings?.find((one) => one.id === id && one.member === turn.from);
  if (known === undefined) return [refuse("NOT_FOUND", { id })];
  if (known.readAtMs !== undefined) return [reply(shown(known))];
  return [written({ is: "read", id, atMs: turn.nowMs }), reply({ ...shown(known), readAtMs: turn.nowMs })];
}

/** Nothing of what was decided about somebody stays: their account is gone. */
export function forgottenOf(room: Room, member: string, turn: Turn): Effects {
  const isMuted = room.mutes?.some((one) => one.member === member) === true;
  const isWarned = room.warnings?.some((one) => one.member === member) === true;
  return [
    ...(isMuted ? eventEffects(room, turn, [{ type: "unmuted", member, by: member }]) : []),
    ...(isWarned ? [written({ is: "forgotten", member })] : []),
  ];
}

/** The room after something became of a warning. */
export function evolveWarning(room: Room, change: WarningChange): Room {
  const { warnings: before = [] } = room;
  const withOne = (id: string, next: (warning: KeptWarning) => KeptWarning): Room => ({
    ...room,
    warnings: before.map((one) => (one.id === id ? next(one) : one)),
  });
  switch (change.is) {
    case "made": {
      const { member } = change.warning;
      const own = before.filter((one) => one.member === member);
      const [oldest] = own.length < limits.warningsPerMemberMax ? [] : own;
      const all = [...before.filter((one) => one !== oldest), change.warning];
      return { ...room, warnings: all.slice(-limits.warningsPerRoomMax) };
    }
    case "told":
      return withOne(change.id, shown);
    case "read":
      return withOne(change.id, (warning) => ({ ...shown(warning), readAtMs: change.atMs }));
    default:
      return { ...room, warnings: before.filter(({ member }) => member !== change.member) };
  }
}

/** What members ask about warnings. */
export const warningHandlers = { warnings, acknowledgeWarning } satisfies Partial<MemberHandlers>;
