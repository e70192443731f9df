/** Names that stand for several models, as admins set them: which model answers what, together with which others, and
 *  which answers are kept. `node/inference/routes/model-routes.ts` follows them. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { line, object } from "../wire/schema.ts";

const model = line(limits.modelCharsMax);
const target = object({ model, weight: Type.Number({ minimum: 0, maximum: 1_000 }) });
const steps = Type.Array(Type.Array(target, { minItems: 1, maxItems: 16 }), { minItems: 1, maxItems: 16 });

/** How the models of a step, and the nodes of a model, share the calls.
 *
 *  - `affine`: by weight, and a conversation stays where its beginning is in memory.
 *  - `weighted`: each call by weight.
 *  - `round-robin`: one after the other, as often as the weights say.
 *  - `least-busy`: the target with the most room. */
export const balances = ["affine", "weighted", "round-robin", "least-busy"] as const;
/** One of them. */
export type Balance = (typeof balances)[number];

/** What counts before the balance.
 *
 *  - `speed`: the target that is measured to be faster, by what is under way there.
 *  - `cost`: the cheaper target: what runs in the cluster costs nothing, unless it has a price.
 *  - `local`: what runs in the cluster, and here before elsewhere. */
export const preferences = ["speed", "cost", "local"] as const;
/** One of them. */
export type Preference = (typeof preferences)[number];

/** Languages that a question's is told apart from the others. */
export const questionLanguages = [
  "ar",
  "de",
  "el",
  "en",
  "es",
  "fr",
  "he",
  "hi",
  "it",
  "ja",
  "ko",
  "nl",
  "pt",
  "ru",
  "th",
  "zh",
] as const;
/** One of them. */
export type QuestionLanguage = (typeof questionLanguages)[number];

const choice = <const T extends readonly string[]>(of: T) =>
  Type.Unsafe<T[number]>(Type.Union(of.map((one) => Type.Literal(one))));
const chars = Type.Integer({ minimum: 0, maximum: 10_000_000 });

/** What a question must be for its rule. All that is given must hold; of a list, one. */
export const questionRule = object({
  /** What its texts have together, the conversation before included. */
  charsMin: Type.Optional(chars),
  charsMax: Type.Optional(chars),
  /** Code is in the last message, or is not. */
  code: Type.Optional(Type.Boolean()),
  languages: Type.Optional(Type.Array(choice(questionLanguages), { minItems: 1, maxItems: questionLanguages.length })),
  /** Tools may be called, images or sounds are shown, the answer has to be JSON. */
  tools: Type.Optional(Type.Boolean()),
  media: Type.Optional(Type.Boolean()),
  json: Type.Optional(Type.Boolean()),
  /** Whole words of the last message, in whatever case. */
  words: Type.Optional(Type.Array(line(64), { minItems: 1, maxItems: 64 })),
  /** An expression that is found in the last message (`node/cluster/facts/pattern.ts`). */
  pattern: Type.Optional(line(256)),
  /** One of these classes is what a model of the engine `classify` says of the last message, with at least so much
   *  (default 0.5). Where the model does not say anything in time, the rule does not hold. */
  classified: Type.Optional(
    object({
      model,
      labels: Type.Array(line(200), { minItems: 1, maxItems: 64 }),
      least: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    }),
  ),
});
export type QuestionRule = Static<typeof questionRule>;

/** A sort of question, and the models that answer it. */
export const questionKind = object({ name: line(64), when: questionRule, steps });
export type QuestionKind = Static<typeof questionKind>;

/** How an answer is made of those of several models.
 *
 *  - `vote`: the answer that most of them give, by weight.
 *  - `best-of`: the one that the judge chooses.
 *  - `merge`: the judge writes one of them all. */
export const ensembleForms = ["vote", "best-of", "merge"] as const;

/** A name that stands for several models. */
export const setModelRoute = object({
  steps,
  shadow: Type.Optional(object({ model, percent: Type.Integer({ minimum: 0, maximum: 100 }) })),
  balance: Type.Optional(choice(balances)),
  /** How models of a step come before others, and the nodes of a model: those that are alike share the calls by
   *  `balance`. */
  prefer: Type.Optional(choice(preferences)),
  /** The first whose rule a question meets answers it; none: `steps`. */
  kinds: Type.Optional(Type.Array(questionKind, { maxItems: 16 })),
  /** The models of the first step answer together; later steps are for when none of them does. */
  ensemble: Type.Optional(
    object({
      form: choice(ensembleForms),
      judge: Type.Optional(model),
      /** How long the members have; the judge has the rest of the call's time. */
      seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 600 })),
      /** Answers that there must be. */
      least: Type.Optional(Type.Integer({ minimum: 1, maximum: 8 })),
    }),
  ),
  cache: Type.Optional(
    object({
      /** How long an answer is given again. */
      seconds: Type.Integer({ minimum: 1, maximum: 7 * 86_400 }),
      /** Also answers that chance has a part in. */
      always: Type.Optional(Type.Boolean()),
      /** To everybody who asks the same. Absent: only to the person who asked first. */
      shared: Type.Optional(Type.Boolean()),
      /** Also for questions that mean the same: how alike their vectors must be. Never to others. */
      semantic: Type.Optional(object({ model, threshold: Type.Number({ minimum: 0.5, maximum: 1 }) })),
    }),
  ),
});
/** A name that people use for one of several models. */
export interface ModelRoute extends Static<typeof setModelRoute> {
  readonly name: string;
}
export type RouteSteps = ModelRoute["steps"];
export type EnsembleRow = NonNullable<ModelRoute["ensemble"]>;
export type CacheRow = NonNullable<ModelRoute["cache"]>;

export const modelRouteParams = object({ route: model });

/** A question to explain a route by. */
export const explainModelRoute = object({
  text: Type.String({ maxLength: 16_384 }),
  tools: Type.Optional(Type.Boolean()),
  media: Type.Optional(Type.Boolean()),
  json: Type.Optional(Type.Boolean()),
  /** As if none of its models that classify said anything: to see what they change. */
  rulesOnly: Type.Optional(Type.Boolean()),
});

/** What a route does with a question: which sort it is, and which models are tried in which order, each with the
 *  reason. */
export interface RouteExplanation {
  readonly route: string;
  /** The name of the rule that it meets. Absent: none. */
  readonly kind?: string;
  /** Why each rule before it does not hold. */
  readonly passed: readonly { readonly kind: string; readonly because: string }[];
  /** What models said that rules asked, and how long they took. */
  readonly classified: readonly {
    readonly model: string;
    readonly said: string;
    readonly ms: number;
    readonly failed?: true;
  }[];
  readonly together: boolean;
  readonly models: readonly { readonly model: string; readonly because: string }[];
}

/** Where an answer comes from, when that is not simply the model that was asked for. */
export interface AnswerFrom {
  /** The model that wrote or gave it. */
  readonly model?: string;
  /** It was kept from before. */
  readonly cache?: "exact" | "semantic";
  /** It was not the first choice: that one refused, or too few of several answered. */
  readonly instead?: true;
  /** Several were asked: how each ended, in words of `GenerationEnd`, or the code of its failure. */
  readonly members?: readonly { readonly model: string; readonly end: string }[];
}
