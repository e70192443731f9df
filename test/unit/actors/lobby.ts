import type { RoomEvent, RoomMessage, RoomView } from "../../../protocols/index.ts";
import { type Stage, stageWith } from "./fixture.ts";

/** The room of these tests. */
export const lobby = "room/lobby";

/** A page of messages. */
export interface Page {
  readonly messages: readonly RoomMessage[];
  readonly more: boolean;
}

/** A public room of ada (owner), bob and cleo. */
export function inLobby(): Stage {
  const stage = stageWith("ada", "bob", "cleo", "dan");
  stage.ok("user/ada", lobby, { type: "create", title: "Lobby" });
  stage.ok("user/bob", lobby, { type: "join" });
  stage.ok("user/cleo", lobby, { type: "join" });
  return stage;
}

/** Posts as somebody. */
export const post = (stage: Stage, from: string, text: string, more: object = {}): { seq: number; at: number } =>
  stage.ok(`user/${from}`, lobby, { type: "post", text, ...more });

/** The room as ada sees it. */
export const view = (stage: Stage): RoomView => stage.ok("user/ada", lobby, { type: "describe" });
/** What the messages of a page say. */
export const texts = ({ messages }: Page): readonly string[] => messages.map(({ text }) => text);

/** What the room knows when somebody joined. */
export const joined = (member: string): RoomEvent => ({ type: "joined", member, role: "member", atMs: 0, by: member });
