import type { RoomEvent, RoomMessage, RoomView } from "../../../protocols/index.ts";
import { type Fixture, fixtureWith } from "./fixture.ts";

/** The room of these tests. */
export const lobby = "room/lobby";

/** A page of messages. */
export interface Page {
  readonly messages: readonly RoomMessage[];
  readonly more: boolean;
}

/** A public room of ada (owner), bob and cleo. */
export function inLobby(): Fixture {
  const fixture = fixtureWith("ada", "bob", "cleo", "dan");
  fixture.ok("user/ada", lobby, { type: "create", title: "Lobby" });
  fixture.ok("user/bob", lobby, { type: "join" });
  fixture.ok("user/cleo", lobby, { type: "join" });
  return fixture;
}

/** Posts as somebody. */
export const post = (fixture: Fixture, from: string, text: string, more: object = {}): { seq: number; at: number } =>
  fixture.ok(`user/${from}`, lobby, { type: "post", text, ...more });

/** The room as ada sees it. */
export const view = (fixture: Fixture): RoomView => fixture.ok("user/ada", lobby, { type: "describe" });
/** What the messages of a page say. */
export const texts = ({ messages }: Page): readonly string[] => messages.map(({ text }) => text);

/** What the room knows when somebody joined. */
export const joined = (member: string): RoomEvent => ({ type: "joined", member, role: "member", atMs: 0, by: member });
