/** Direct conversations of several people: rooms without a name, which the same people find again. This file loads no
 *  schema. */
import { saltedHash32 } from "../ids.ts";

/** Two people have their names in the key of their room, three parts. */
const prefix = "dm.group.";
const salts = [0x811c9dc5, 0x01234567, 0x6a09e667, 0x3c6ef372];

/** The key of the conversation of these people: `dm.group.` and a hash of them. `nth` counts from 1: the one before
 *  was made a room. */
export function groupKey(people: readonly string[], nth = 1): string {
  const names = [...new Set(people)].toSorted().join(",");
  const hash = salts.map((salt) => saltedHash32(names, salt).toString(16).padStart(8, "0")).join("");
  return `${prefix}${hash}.${nth}`;
}

/** Which conversation of its people a key names; undefined: it is the key of no such conversation. */
export function nthOfGroup(key: string): number | undefined {
  const [, nth] = /^dm\.group\.[0-9a-f]{32}\.([1-9])$/.exec(key) ?? [];
  return nth === undefined ? undefined : Number(nth);
}

/** How often the same people may make a room of their conversation, and begin another. */
export const groupsOfPeopleMax = 9;
