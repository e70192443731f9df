/** What the operations on alerts do: what the watch has found is with its actor. */
import {
  acted,
  watchActor,
  type Alert,
  type AlertPage,
  type alertOperations,
  type ActorId,
  type HandlersOf,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";

/** The handlers. Their answers come from the rows of the actor. */
export function handleAlerts(
  ask: (to: ActorId, message: Message, operationId?: string) => Promise<Result<unknown>>,
): HandlersOf<typeof alertOperations> {
  const askWatch = <Answer>(message: Message, operationId?: string) =>
    ask(watchActor, message, operationId) as Promise<Result<Answer>>;
  return {
    "alerts.list": (query) => askWatch<AlertPage>({ type: "alerts", ...query }),
    "alerts.show": ({ id }) => askWatch<Alert>({ type: "alert", id }),
    "alerts.acknowledge": async ({ id, note }, { by, operation }) => {
      const message = { type: "acknowledge", id, by, ...(note !== undefined && { note }) };
      return acted(await askWatch<Alert>(message, operation));
    },
  };
}
