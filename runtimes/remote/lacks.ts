/** What interfaces of other servers have no word for, so that it means nothing to a model there. Whatever else can be
 *  asked of a model reaches its server, or is refused by name; a test sends each. */

/** By the server's interface and what is asked for: why it is so. */
export const relayLacks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Anthropic: {
    seed: "its interface has none; the same seed asks for the same answer, which no server promises",
    logprobs: "it tells no likelihoods, and its models are listed without them",
    thinking: "without a word it does not think",
  },
  Gemini: { logprobs: "they are not asked for, and its models are listed without them" },
  Triton: {
    tools: "it takes texts, and its models are listed without tools",
    toolChoice: "it takes texts, and its models are listed without tools",
    json: "it takes texts, and its models are listed without forms",
    schema: "it takes texts, and its models are listed without forms",
    logprobs: "it tells texts, and its models are listed without likelihoods",
    thinking: "it takes texts, and what its model does of them is its own",
  },
};
