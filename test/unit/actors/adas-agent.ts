/** An agent of ada's, alone or in a room, and what is asked of it. */
import type { AgentUsage, AgentUsageRow, AgentView, ConversationTurn, RoomMessage } from "../../../protocols/index.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

export const ada = "user/ada";
export const helper = "agent/ada.helper";

export function withHelper(more: object = {}): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return fixture;
}

/** As above, in a room with bob. */
export function inRoom(): Fixture {
  const fixture = withHelper();
  fixture.ok(ada, "room/den", { type: "create" });
  fixture.ok("user/bob", "room/den", { type: "join" });
  fixture.ok(ada, "room/den", { type: "invite", member: helper });
  return fixture;
}

export const say = (fixture: Fixture, text: string): { turn: number; generation: string } =>
  fixture.ok(ada, helper, { type: "say", text });
export const turns = (fixture: Fixture, more: object = {}): readonly ConversationTurn[] =>
  fixture.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history", ...more }).turns;
export const lines = (fixture: Fixture): readonly string[] =>
  turns(fixture).map(({ role, text }) => `${role}: ${text}`);
export const types = (fixture: Fixture): readonly string[] => fixture.stream(helper).map(({ event }) => event.type);
export const rows = (fixture: Fixture): readonly AgentUsageRow[] =>
  fixture.ok<AgentUsage>(ada, helper, { type: "usage" }).rows;
export const busy = (fixture: Fixture): boolean => fixture.ok<AgentView>(ada, helper, { type: "describe" }).busy;
export const messagesIn = (fixture: Fixture): readonly RoomMessage[] =>
  fixture.ok<{ messages: RoomMessage[] }>("user/bob", "room/den", { type: "history" }).messages;
