/** How much a person keeps in files, in all rooms together (decision 0257).
 *
 *      gateway ──reserveStorage──► is there room within the limit? ──► the upload begins in its room
 *      room/lobby ──storedIn──► what the person keeps there now, with a version ──► the sum
 *      agent/ada.aide ──agentStored──► the same of its pictures and sounds;  the own picture is the account's own
 *
 *  The account asks no room: each room tells it when that changes. Until the room knows an upload that is about to
 *  begin, the account counts it as reserved.
 *
 *  Invariant: once no room has anything to tell, the sum is that of the rooms' counts. With a limit nothing is reserved
 *  beyond it, whichever gateways ask at once. */
import { storedPlaces, type CommandOf, type StorageHeld, type userCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { Account } from "./state.ts";
import { evolveStorage, noStorage as none, type StorageChange } from "./storage-state.ts";

type Of<Type extends "reserveStorage" | "storedIn" | "agentStored"> = Extract<
  CommandOf<typeof userCommands>,
  { type: Type }
>;

const changed = (storage: StorageChange): Effects => [persist({ type: "factorSet", set: {}, storage })];

const isPicture = (place: string): boolean => place === storedPlaces.picture;

/** The place that a reservation is for. What is reserved for no room has an id that begins with it. */
function placeOf({ id, room }: Pick<Of<"reserveStorage">, "id" | "room">): string {
  const end = id.lastIndexOf("/");
  return end < 0 ? room : id.slice(0, end);
}

/** What the account holds of it at a time. */
export function storageAt({ stored = none, avatar }: Account, nowMs: number): StorageHeld {
  const picture = avatar?.size ?? 0;
  const rooms = Object.entries(stored.places)
    .filter(([, { bytes }]) => bytes > 0)
    .map(([room, { bytes }]) => ({ room, bytes }))
    .concat(avatar === undefined ? [] : [{ room: storedPlaces.picture, bytes: picture }])
    .toSorted((one, other) => other.bytes - one.bytes || (one.room < other.room ? -1 : 1));
  const reserved = stored.reserved.filter(({ untilMs }) => untilMs > nowMs);
  const sum = (all: readonly { readonly bytes: number }[]): number =>
    all.reduce((total, { bytes }) => total + bytes, 0);
  // The next own picture takes the place of the one that is there.
  const [pictures, others] = [true, false].map((is) => reserved.filter(({ room }) => isPicture(room) === is));
  const more = Math.max(0, ...(pictures ?? []).map(({ bytes }) => bytes - picture));
  return { bytes: sum(rooms) + sum(others ?? []) + more, rooms: rooms.slice(0, limits.storageRoomsShown) };
}

/** Errors: STORAGE_FULL, LIMIT_REACHED. */
function reserve(account: Account, message: Of<"reserveStorage">, turn: Turn): Effects {
  const { id, bytes, limit, quota } = message;
  const { places, reserved } = account.stored ?? none;
  const { nowMs } = turn;
  const room = placeOf(message);
  const here = reserved.filter(({ untilMs }) => untilMs > nowMs);
  // Asked again: its answer was lost.
  if (here.some((one) => one.id === id && one.room === room && one.bytes === bytes)) return [reply({})];
  const untilMs = nowMs + limits.storageReservedMs;
  const change = { is: "reserved", id, room, bytes, untilMs, atMs: nowMs } as const;
  const used = storageAt(account, nowMs).bytes;
  const next = storageAt({ ...account, stored: evolveStorage(account.stored, change) }, nowMs).bytes;
  if (next > limit && next > used) return [refuse("STORAGE_FULL", { quota, limit, used, bytes })];
  if (here.length >= limits.storageReservedMax) return [refuse("LIMIT_REACHED", { limit: "storageReservedMax" })];
  const isFull =
    !isPicture(room) && places[room] === undefined && Object.values(places).filter((one) => one.bytes > 0).length;
  if (isFull !== false && isFull >= limits.storagePlacesMax)
    return [refuse("LIMIT_REACHED", { limit: "storagePlacesMax" })];
  return [...changed(change), reply({})];
}

/** An agent of the person has told what its conversation keeps. A gateway of the version before has reserved by the
 *  digest alone. */
export function agentStored(account: Account, { agent, began, ...of }: Of<"agentStored">): Effects {
  const room = `${storedPlaces.agents}${agent}`;
  const reserved = (account.stored ?? none).reserved.filter((one) => one.room === agent);
  const known = began.flatMap((hash) => [
    `${room}/${hash}`,
    ...reserved.filter(({ id }) => id === hash).map(({ id }) => id),
  ]);
  return storedIn(account, { ...of, type: "storedIn", room, began: known });
}

/** A room has told what is kept there. */
export function storedIn(account: Account, { room, bytes, version, began }: Of<"storedIn">): Effects {
  const known = account.stored?.places[room];
  if (known !== undefined && version <= known.version) return [reply({})];
  return [...changed({ is: "in", room, bytes, version, began }), reply({})];
}

/** What a gateway asks. */
export const storageHandlers: PersonHandlers<"reserveStorage" | "freeStorage" | "storage"> = {
  reserveStorage: ({ account }, message, turn) => reserve(account, message, turn),
  freeStorage: ({ account }, { id }) =>
    account.stored?.reserved.some((one) => one.id === id) === true
      ? [...changed({ is: "freed", id }), reply({})]
      : [reply({})],
  storage: ({ account }, _, turn) => [reply(storageAt(account, turn.nowMs))],
};
