/** Keys of conversations with an agent: the first has the agent's own, each other one a number behind it. */

/** The agent and the number in the key of a conversation; undefined: the key is an agent's. */
export function conversationIn(key: string): { readonly agent: string; readonly number: number } | undefined {
  const [, agent, digits] = /^([^.]+\.[^.]+)\.(\d{1,15})$/.exec(key) ?? [];
  return agent === undefined ? undefined : { agent, number: Number(digits) };
}

/** The agent that a conversation is with. */
export const agentOfKey = (key: string): string => conversationIn(key)?.agent ?? key;

/** The key of a conversation. */
export const conversationKey = (agent: string, number: number): string => (number === 0 ? agent : `${agent}.${number}`);
