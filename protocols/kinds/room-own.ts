/** The room of a person alone: it has the files of their conversations with agents. This file loads no schema. */

/** Its key: the direct room of a person with themselves. Names of accounts contain no dot. */
export const ownRoomKey = (account: string): string => `dm.${account}.${account}`;

/** Whether a key names such a room. */
export function isOwnRoom(key: string): boolean {
  const [prefix, one, other, more] = key.split(".");
  return prefix === "dm" && one !== undefined && one === other && more === undefined;
}

/** What it is called. */
export const ownRoomTitle = "Files for agents";

/** What the row of a person's picture is called in the list of what they keep, and what those of their agents begin
 *  with: no room has a slash. */
export const storedPlaces = { picture: "user/picture", agents: "agent/" } as const;
