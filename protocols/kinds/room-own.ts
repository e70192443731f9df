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

/** A page of what somebody keeps in a room, which `ask` gets by its path. Among very many files of others a page may be
 *  empty, and say where it goes on: it is asked on until there is something, or no more. */
export async function ownFilesIn<Page extends { readonly files: readonly unknown[]; readonly next?: number }>(
  room: string,
  ask: (path: string) => Promise<Page | undefined>,
): Promise<Page | undefined> {
  const path = `/api/v1/rooms/${encodeURIComponent(room)}/own-files`;
  let page = await ask(path);
  for (let before = Infinity; page?.files.length === 0 && page.next !== undefined && page.next < before;) {
    before = page.next;
    page = await ask(`${path}?before=${before}`);
  }
  return page;
}

/** What the row of a person's picture is called in the list of what they keep, and what those of their agents begin
 *  with: no room has a slash. */
export const storedPlaces = { picture: "user/picture", agents: "agent/" } as const;
