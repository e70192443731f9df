/** What is noted of a command that was done, beside the audit: that its person is active, that a message was posted,
 *  what somebody thinks of an answer. */
import { parseActorId, type AgentRated, type Result } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";

/** Commands with which somebody says something. */
const messages: ReadonlySet<string> = new Set(["room.post", "agent.say"]);

/** Notes a command of somebody. */
export function noteDone(
  at: Pick<GatewayContext, "quality" | "activity">,
  asked: {
    readonly user: string;
    readonly to: string;
    readonly message: { readonly type: string };
    readonly operationId: string | undefined;
  },
  result: Result<unknown>,
): void {
  if (!result.ok) return;
  const { user, to, message } = asked;
  const kind = parseActorId(to)?.kind;
  at.activity?.active(user);
  at.activity?.used(`${kind}.${message.type}`);
  if (messages.has(`${kind}.${message.type}`)) at.activity?.posted(user);
  if (kind === "agent" && message.type === "rate") noteRating(at, asked, result.value as AgentRated);
}

/** Thumbs are kept by the agent, with the answer; what counts them by model is told here, once the agent has taken
 *  one. */
function noteRating(
  { quality }: Pick<GatewayContext, "quality">,
  { to, operationId }: { readonly to: string; readonly operationId: string | undefined },
  { model, thumb, before }: AgentRated,
): void {
  if (model === undefined) return;
  const operation = operationId === undefined ? undefined : `${to} ${operationId}`;
  quality?.rated({ ...(operation !== undefined && { operation }), model, from: before, to: thumb });
}
