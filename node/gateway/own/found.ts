/** What everybody finds who is signed in: their agents and direct rooms, the models and the nodes. */
import {
  actorId,
  failure,
  groupKey,
  groupsOfPeopleMax,
  ok,
  refused,
  type AgentView,
  type Result,
  type RoomView,
  type UserView,
} from "../../../protocols/index.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";
import { askAs } from "./account.ts";

/** The room in which two people talk alone. Sorted, so that both find the same one. */
const directKey = (left: string, right: string): string =>
  `dm.${[left, right]
    .map((principal) => principal.slice(principal.indexOf("/") + 1))
    .sort()
    .join(".")}`;

const agentOf = (agent: string) => actorId("agent", agent.startsWith("agent/") ? agent.slice("agent/".length) : agent);

/** The conversation of the asker with several people: the one that is no room yet. */
async function ofSeveral(
  ask: ReturnType<typeof askAs>,
  caller: ReturnType<typeof callerOf>,
  people: readonly string[],
): Promise<Result<RoomView>> {
  const all = [caller.actor, ...people];
  let made: Result<unknown> = refused(failure("NAME_TAKEN"));
  for (let nth = 1; nth <= groupsOfPeopleMax && !made.ok && made.error.code === "NAME_TAKEN"; nth += 1)
    made = await ask(caller, actorId("room", groupKey(all, nth)), {
      type: "create",
      visibility: "direct",
      people: people.filter((one) => one !== caller.actor),
    });
  return made as Result<RoomView>;
}

/** The handlers. */
export function handleFound(
  at: GatewayContext,
): Pick<OwnHandlers, "agents.list" | "models.list" | "nodes.list" | "rooms.direct"> {
  const ask = askAs(at);
  return {
    "agents.list": async (_, __, { request }) => {
      const caller = callerOf(request);
      const view = await ask(caller, caller.actor, { type: "describe" });
      if (!view.ok) return view;
      const { agents } = view.value as UserView;
      const views = await Promise.all(agents.map((agent) => ask(caller, agentOf(agent), { type: "describe" })));
      // One agent that can not answer now must not hide the others; its name is listed apart, as with rooms.
      return ok({
        agents: views.flatMap((one) => (one.ok ? [one.value as AgentView] : [])),
        unreachable: agents.filter((__, index) => views[index]?.ok === false),
      });
    },

    "models.list": (_, asker) => {
      const models = at.engines.generate.models();
      // Why one cannot be used is for those who can do something about it.
      if (asker.may("cluster.see") === undefined) return ok({ models });
      return ok({ models: models.map(({ reason: _reason, ...info }) => info) });
    },

    "nodes.list": () => ok({ nodes: at.nodes() }),

    "rooms.direct": async (fields, _, { request }) => {
      const caller = callerOf(request);
      if (fields.people !== undefined) return ofSeveral(ask, caller, fields.people);
      if (fields.with === undefined) return refused(failure("BAD_REQUEST", { field: "with" }));
      const to = actorId("room", directKey(caller.actor, fields.with));
      const made = await ask(caller, to, { type: "create", visibility: "direct", with: fields.with });
      const exists = made.ok || made.error.code === "NAME_TAKEN" || made.error.code === "ALREADY_DONE";
      return (exists ? await ask(caller, to, { type: "describe" }) : made) as Result<RoomView>;
    },
  };
}
