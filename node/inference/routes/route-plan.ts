/** Which models of a route a call goes to, in which order, and why: pure functions of the route, of the question, and
 *  of what the asking node knows. */
import {
  hash32,
  type Balance,
  type ModelRoute,
  type Preference,
  type RouteExplanation,
  type RouteSteps,
} from "../../../protocols/index.ts";
import { draw, type Room } from "../calls/index.ts";
import { ensembleMembersMax } from "../../cluster/facts/model-routes.ts";
import { kindOf, type Classified, type Question } from "./questions.ts";

/** What the order rests on besides the route. */
export interface Knowledge {
  /** Whose conversation it is. */
  readonly affinity: string;
  /** The call's own name. */
  readonly id: string;
  /** Calls of this route that a model was given before. */
  taken(model: string): number;
  /** Undefined: nobody serves it now. */
  room(model: string): Room | undefined;
  /** What it costs, in units for a million tokens read and as many written. Absent: nobody has said. */
  price?(model: string): number | undefined;
  /** What models said that rules ask. Absent: none was asked. */
  readonly classified?: Classified;
}

/** A model that is tried. */
export interface Chosen {
  readonly model: string;
  readonly because: string;
}

/** What becomes of a call. */
interface RoutePlan extends Omit<RouteExplanation, "route" | "models" | "classified"> {
  /** Those that answer together; empty: none do. */
  readonly members: readonly Chosen[];
  /** Those that are tried one after the other: instead of the members when there are none, else after them. */
  readonly chain: readonly Chosen[];
}

/** Places of a model whose server does not say how many it has. */
const placesUnsaid = 16;

/** The models of one step, in order. */
function inOrder(step: RouteSteps[number], balance: Balance, at: Knowledge): readonly Chosen[] {
  const able = step.filter(({ weight }) => weight > 0);
  const [only] = able;
  if (only !== undefined && able.length === 1) return [{ model: only.model, because: "alone in its step" }];
  const by = (score: (one: RouteSteps[number][number]) => number, because: (model: string, index: number) => string) =>
    able
      .map((one) => [score(one), one.model] as const)
      .toSorted(([one], [other]) => one - other)
      .map(([, model], index) => ({ model, because: because(model, index) }));
  switch (balance) {
    case "weighted":
      return by(
        ({ model, weight }) => -draw(at.id, model, weight),
        (_, index) => (index === 0 ? "drawn for this call, by weight" : "the next drawn"),
      );
    case "round-robin":
      return by(
        ({ model, weight }) => (at.taken(model) + 1) / weight,
        (model) => `it had ${at.taken(model)} calls, and its turn comes by weight`,
      );
    case "least-busy":
      return by(
        ({ model, weight }) => {
          const room = at.room(model);
          return room === undefined ? Infinity : (room.calls + 1) / (room.places ?? placesUnsaid) / weight;
        },
        (model) => {
          const room = at.room(model);
          return room === undefined
            ? "nobody serves it now"
            : `${room.calls} calls in ${room.places ?? "unsaid"} places`;
        },
      );
    default:
      // Also a word of a later version.
      return by(
        ({ model, weight }) => -draw(at.affinity, model, weight),
        (_, index) => (index === 0 ? "this conversation's, by weight" : "this conversation's next"),
      );
  }
}

/** What counts first, smaller is better, and what is said of it. */
function rankOf(prefer: Preference | undefined, model: string, at: Knowledge): readonly [rank: number, says: string] {
  const room = at.room(model);
  if (prefer === undefined) return [0, ""];
  if (room === undefined) return [Infinity, "nobody serves it now"];
  const { local = true, tokensPerSecond, places = placesUnsaid, calls } = room;
  switch (prefer) {
    case "speed": {
      // What was not measured yet may be the fastest, and is asked to find out.
      if (tokensPerSecond === undefined) return [-Infinity, "its speed is not measured yet"];
      const left = tokensPerSecond / Math.max(1, (calls + 1) / places);
      return [-left, `about ${Number(left.toPrecision(2))} tokens a second`];
    }
    case "cost": {
      const price = at.price?.(model);
      if (price !== undefined) return [price, `${price} for a million tokens read and written`];
      // Somebody will send a bill, and nobody has said how high.
      return local ? [0, "it runs in the cluster"] : [Infinity, "nobody has said what it costs"];
    }
    case "local":
      return local ? [0, "it runs in the cluster"] : [1, "it runs with another's server"];
    default:
      // Of a later version.
      return [0, ""];
  }
}

/** The same models, what is preferred first; those that are alike stay as they are. */
function byPreference(models: readonly Chosen[], prefer: Preference | undefined, at: Knowledge): readonly Chosen[] {
  if (prefer === undefined || models.length < 2) return models;
  return models
    .map(({ model, because }) => {
      const [rank, says] = rankOf(prefer, model, at);
      return { rank, model, because: says === "" ? because : `${says}; ${because}` };
    })
    .toSorted((one, other) => (one.rank === other.rank ? 0 : one.rank - other.rank))
    .map(({ model, because }) => ({ model, because }));
}

function once(models: readonly Chosen[]): readonly Chosen[] {
  const seen = new Set<string>();
  return models.filter(({ model }) => !seen.has(model) && seen.add(model).size > 0);
}

/** What becomes of a call of this question. */
export function planRoute(route: ModelRoute, question: Question | undefined, at: Knowledge): RoutePlan {
  const { balance = "affine", prefer, ensemble, kinds = [] } = route;
  const { kind, passed } =
    question === undefined ? { kind: undefined, passed: [] } : kindOf(kinds, question, at.classified);
  const [first = [], ...later] = (kind ?? route).steps;
  const chainOf = (steps: RouteSteps) =>
    once(steps.flatMap((step) => byPreference(inOrder(step, balance, at), prefer, at)));
  // A sort of question has models of its own, one after the other.
  const together = ensemble !== undefined && kind === undefined && question !== undefined;
  const about = { ...(kind !== undefined && { kind: kind.name }), passed, together };
  if (!together) return { ...about, members: [], chain: chainOf([first, ...later]) };
  const members = once(
    first
      .filter(({ weight }) => weight > 0)
      .toSorted((one, other) => other.weight - one.weight)
      .map(({ model, weight }) => ({ model, because: `answers with the others, weight ${weight}` })),
  );
  return { ...about, members: members.slice(0, ensembleMembersMax), chain: chainOf(later) };
}

/** The models of a route in the order in which they are tried for a call of this affinity, whatever it asks. */
export const modelsInOrder = ({ steps }: Pick<ModelRoute, "steps">, affinity: string): readonly string[] =>
  once(
    steps.flatMap((step) => inOrder(step, "affine", { affinity, id: "", taken: () => 0, room: () => undefined })),
  ).map(({ model }) => model);

/** Every model that a route may call for an answer. */
export const modelsOf = (route: ModelRoute): readonly string[] => [
  ...new Set([...modelsInOrder(route, ""), ...(route.kinds ?? []).flatMap((kind) => modelsInOrder(kind, ""))]),
];

/** Whether a call of this affinity is one of those that the shadow gets, too. */
export const isShadowed = ({ shadow }: ModelRoute, affinity: string): boolean =>
  shadow !== undefined && hash32(`shadow\n${affinity}`) % 100 < shadow.percent;
