/** Which classes texts are of, in the form that vLLM has it; and, of models whose classes are sorts of harm, OpenAI's
 *  moderations. */
import { Type } from "typebox";
import { failure, floatsOf, PlexusError, type EngineAnswer } from "../../../protocols/index.ts";
import { maybe } from "./conversation.ts";
import { readInputs } from "./embeddings.ts";
import { addPost, checkTexts, newId, nowSeconds, type Posted, type Surface } from "./surface.ts";

const input = Type.Union([Type.String(), Type.Array(Type.Unknown(), { minItems: 1 })]);
const classifyRequest = Type.Object({ model: Type.String({ maxLength: 200 }), input });
const moderationRequest = Type.Object({ model: maybe(Type.String({ maxLength: 200 })), input });

/** Words of which one is in the names of classes that are sorts of harm. */
const harms =
  /toxi|hate|obscen|insult|threat|harass|violen|sexual|nsfw|porn|self.?harm|suicid|abus|offens|profan|racis|sexis|unsafe|harmful|illicit|jailbreak|injection/i;
/** Classes beside them that are none: `not_toxic`, `non-hate`, `neither`. */
const harmless =
  /^(?:ok|okay|safe|sfw|none|neutral|neither|normal|benign|legit|clean|acceptable|harmless|(?:no|not|non)[ _-].+|non(?:toxic|hate|offensive))$/i;

/** Which of a model's classes are sorts of harm; none: it is not made to find them. */
export function harmsAmong(labels: readonly string[]): readonly string[] {
  const others = labels.filter((label) => !harmless.test(label));
  return others.some((label) => harms.test(label)) ? others : [];
}

/** What of a text's scores makes it flagged: a class by itself from a half on, or the likeliest one where they exclude
 *  each other. */
export function judged(
  { labels, exclusive }: EngineAnswer<"classify">,
  scores: ArrayLike<number>,
  sorts: readonly string[],
) {
  const likeliest = best(scores);
  const of = sorts.map((label) => {
    const at = labels.indexOf(label);
    const score = scores[at] ?? 0;
    return { label, score, flagged: exclusive ? at === likeliest : score >= 0.5 };
  });
  return {
    flagged: of.some(({ flagged }) => flagged),
    categories: Object.fromEntries(of.map(({ label, flagged }) => [label, flagged])),
    category_scores: Object.fromEntries(of.map(({ label, score }) => [label, score])),
  };
}

const best = (scores: ArrayLike<number>): number =>
  Array.from(scores).reduce((most, score, at, all) => (score > (all[most] ?? -1) ? at : most), 0);

/** Adds them. */
export function addClassification(surface: Surface): void {
  const { at, calls, models } = surface;
  const ask = async (posted: Posted<{ readonly input: unknown }>, name: string) => {
    const { body, asking } = posted;
    checkTexts(posted, at);
    const inputs = readInputs("/input", body.input, at.limits.embeddingInputsMax);
    const { model } = await models.resolve(asking.caller, name);
    return { model, answer: await calls.run(asking, "classify", { model, inputs }) };
  };

  const classify = { summary: "Which classes texts are of, as vLLM has it", tag: "classify", body: classifyRequest };
  addPost(surface, "/v1/classify", classify, async (posted) => {
    const { answer } = await ask(posted, posted.body.model);
    const { labels, promptTokens } = answer;
    return {
      id: newId(at, "classify-"),
      object: "list",
      created: nowSeconds(at),
      model: posted.body.model,
      // Which number is whose.
      labels,
      data: answer.scores.map(floatsOf).map((probs, index) => ({
        index,
        label: labels[best(probs)],
        probs: [...probs],
        num_classes: labels.length,
      })),
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens, completion_tokens: 0 },
    };
  });

  const moderate = { summary: "Whether texts are harmful, as OpenAI has it", tag: "openai", body: moderationRequest };
  addPost(surface, "/v1/moderations", moderate, async (posted) => {
    const name = posted.body.model ?? "";
    const { model, answer } = await ask(posted, name);
    const sorts = harmsAmong(answer.labels);
    if (sorts.length === 0)
      throw new PlexusError(
        failure("MODEL_UNSUPPORTED", { model, capability: "moderation", labels: answer.labels.slice(0, 16) }),
      );
    return {
      id: newId(at, "modr-"),
      model: name || model,
      results: answer.scores.map((scores) => judged(answer, floatsOf(scores), sorts)),
    };
  });
}
