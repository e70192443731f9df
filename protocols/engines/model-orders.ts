/** What an admin may order of a model on a node: one row each. Route, command, and the audit's name follow from it.
 *  Apart from the schemas, so that a command which talks to people loads none. */
export const modelOrders = {
  load: {
    audit: "loadModel",
    summary: "Brings a model into a node's memory, also one that failed before",
    says: "Bring a model into memory, also one that failed before.",
  },
  unload: {
    audit: "unloadModel",
    summary: "Takes a model out of a node's memory; a call loads it again",
    says: "Take a model out of memory; a call loads it again.",
  },
  pin: {
    audit: "pinModel",
    summary: "Keeps a model in a node's memory whatever else needs the room, and loads it",
    says: "Keep a model in memory whatever else needs the room, and load it.",
  },
  unpin: {
    audit: "unpinModel",
    summary: "Lets a model leave a node's memory like any other",
    says: "Let a model leave memory like any other.",
  },
} as const;
export type ModelOrder = keyof typeof modelOrders;
export const modelOrderNames = Object.keys(modelOrders) as readonly ModelOrder[];
