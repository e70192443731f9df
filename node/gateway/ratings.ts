/** Thumbs are kept by the agent, with the answer; what counts them by model is told here, once the agent has taken one. */
import { parseActorId, type AgentRated, type Result } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";

/** Tells it when a command was one, and was taken. */
export function noteRating(
  { quality }: Pick<GatewayContext, "quality">,
  asked: { readonly to: string; readonly message: { readonly type: string }; readonly operationId: string | undefined },
  result: Result<unknown>,
): void {
  if (asked.message.type !== "rate" || !result.ok || parseActorId(asked.to)?.kind !== "agent") return;
  const { model, thumb, before } = result.value as AgentRated;
  if (model === undefined) return;
  const { operationId } = asked;
  const operation = operationId === undefined ? undefined : `${asked.to} ${operationId}`;
  quality?.rated({ ...(operation !== undefined && { operation }), model, from: before, to: thumb });
}
