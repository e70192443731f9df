/** Routes of models. */
export const routeLimits = {
  /** Bytes of answers that routes keep on a node; the longest unused go. */
  cacheBytesMax: 64 * 1024 * 1024,
  /** The same for the answers of one person; that person's longest unused go. */
  cachePersonBytesMax: 8 * 1024 * 1024,
  /** Bytes of one answer; a larger one is not kept. */
  cacheEntryBytesMax: 512 * 1024,
  /** Questions in one conversation's place that are compared with a new one by their meaning; the oldest goes. */
  cacheAlikeMax: 256,
  /** How long the vector of a question may take; then the question is asked without looking for one like it. */
  cacheVectorMs: 2_000,
  /** How long a model may take that a rule of a route asks for the class of a question; then the rule does not hold. */
  routeClassifyMs: 1_500,
  /** Characters of a question that such a model reads, from its beginning.
   *
   *  Most of these models read 512 tokens. */
  classifiedCharsMax: 1_000,
  /** How long the models of an ensemble have where its route does not say; then they are stopped and left out. */
  ensembleMs: 60_000,
  /** How long those that were stopped may take to say what they took; then it is not counted. */
  ensembleGraceMs: 1_000,
  /** Characters of a member's answer; one that writes more is stopped and left out. */
  memberCharsMax: 256 * 1024,
  /** Characters of each answer that a judge is shown; the rest is cut. */
  judgedCharsMax: 16 * 1024,
} as const;

export type RouteLimits = { readonly [K in keyof typeof routeLimits]: number };
