/** The conversations with an agent, as the page shows them. */
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { AgentConversation } from "../../../../protocols/index.ts";
import { agentOfKey, conversationIn, conversationKey } from "../../../../protocols/answering/conversation-key.ts";
import { useSession, useShown } from "../../live/index.ts";
import type { AgentModel } from "../../model/index.ts";

/** A conversation by its key: its title, its number, and the list that it is in; undefined: there is one alone. */
export function useConversation(key: string): {
  readonly title: string;
  readonly number: number;
  readonly list: readonly AgentConversation[] | undefined;
} {
  const session = useSession();
  const agent = agentOfKey(key);
  const store = useMemo(() => session.agent(agent), [session, agent]);
  const list = useShown(store.store, (model: AgentModel) => model.conversations);
  const number = conversationIn(key)?.number ?? 0;
  return { title: list?.find((one) => one.number === number)?.title ?? "", number, list };
}

/** What stands for a conversation in a list. */
export const titleOf = ({ title, number }: AgentConversation): string =>
  title !== "" ? title : number === 0 ? "First conversation" : "New conversation";

/** Opens another conversation with the agent, and goes there. */
export function useOpenConversation(key: string): () => Promise<void> {
  const session = useSession();
  const navigate = useNavigate();
  return async () => {
    const agent = agentOfKey(key);
    const made = await session.agent(agent).change("open", {});
    if (!made.ok) return;
    await navigate({ to: "/agent/$agent", params: { agent: conversationKey(agent, made.value.number) } });
  };
}
