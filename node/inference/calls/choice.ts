/** Which node serves a call of an engine, and why not another: a pure function of what members advertise. */
import {
  failure,
  type Balance,
  type Failure,
  type ModelInfo,
  type Offer,
  type Preference,
  type ServingRow,
} from "../../../protocols/index.ts";
import { defaultOf } from "../../../runtimes/engine.ts";
import { nearlyNamed } from "../../../runtimes/store/names.ts";
import type { MemberRecord, NodeId } from "../../ports/index.ts";
import { draw } from "./draws.ts";

/** What a call asks for. */
interface Wanted {
  readonly engine: string;
  /** Empty: the default model. */
  readonly model: string;
  /** Capabilities that the offer must name. */
  readonly needs: readonly string[];
  /** How the nodes that have the model share its calls. Absent: as with `least-busy`. */
  readonly balance?: Balance;
  /** What counts before that. */
  readonly prefer?: Preference;
  /** What the model costs with a server that takes money; 0: nothing, or nobody has said. */
  readonly price?: number;
  /** Whose conversation it is, for `affine`; the call's own name, for `weighted`; how many calls there were, for
   *  `round-robin`. */
  readonly affinity?: string;
  readonly id?: string;
  readonly turn?: number;
}

/** A member as the asking node knows it. */
export interface Standing {
  readonly member: MemberRecord;
  readonly here: boolean;
  readonly up: boolean;
  /** What it offers; undefined: it has not said. */
  readonly offers: readonly Offer[] | undefined;
  /** Calls under way there, as far as this node knows. */
  readonly calls: number;
}

/** The node and the model, or why there is none; and every member that counts, in order, with the reason. */
type Serving = { readonly model: string; readonly rows: readonly ServingRow[] } & Readonly<
  { node: NodeId } | { node: undefined; refusal: Failure }
>;

/** A usable offer. */
interface Candidate {
  readonly standing: Standing;
  readonly offer: Offer;
}

/** A member with the role `ai` has models; which ones have a scanner they say themselves. */
const has = (engine: string, { member, offers }: Standing): boolean =>
  engine === "scan" ? offersOf(offers, engine).length > 0 : member.roles.includes("ai");
/** Whether something may be sent there. This node serves its own calls also while it drains. */
const reachable = ({ member, here, up }: Standing): boolean => here || (up && member.state === "active");
const onCard = ({ device }: Offer): boolean => device !== undefined && device !== "cpu";

/** `less` is better, and `says` is what is true of the better one. */
type Rule = readonly [says: string, less: (candidate: Candidate, zone: string | undefined) => number];

/** What comes before every balance: what would have to wait for memory, or goes away. */
const readiest: readonly Rule[] = [
  ["it takes new work", ({ standing }) => (standing.member.state === "active" ? 0 : 1)],
  ["the model is in memory", ({ offer: { state } }) => (state === "ready" ? 0 : 1)],
  ["the model is on its way into memory", ({ offer: { state } }) => (state === "ready" || state === "loading" ? 0 : 1)],
];

// To stay costs no way, so only what would have to wait counts here.
const fewerCalls: Rule = [
  "fewer calls",
  ({ standing: { here, calls }, offer }) => (here ? Math.max(0, calls + 1 - (offer.places ?? Infinity)) : calls),
];

/** Whole steps of twice as fast: what is nearly as fast is as fast. What was not measured yet may be the fastest, and
 *  is asked to find out. */
const paceOf = ({ offer: { tokensPerSecond } }: Candidate): number =>
  tokensPerSecond === undefined || tokensPerSecond <= 0 ? Infinity : Math.floor(Math.log2(tokensPerSecond));

/** What a call may expect: a full node gives each of its calls less. */
const speedLeft = ({ standing: { calls }, offer: { tokensPerSecond, places = 1 } }: Candidate): number =>
  tokensPerSecond === undefined ? Infinity : tokensPerSecond / Math.max(1, (calls + 1) / places);

const isElsewhere = ({ offer: { provider } }: Candidate): boolean => provider !== undefined;

/** What an operator prefers, before anything is balanced. */
const preferred: { readonly [Each in Preference]: (wanted: Wanted) => readonly Rule[] } = {
  speed: () => [["measured to be faster, with what is under way", (one) => -speedLeft(one)]],
  cost: ({ price = 0 }) => [
    ["cheaper", (one) => (isElsewhere(one) ? price : 0)],
    // Nobody has said what it costs, and somebody will send a bill.
    ["no other's server", (one) => (isElsewhere(one) ? 1 : 0)],
  ],
  local: () => [
    ["no other's server", (one) => (isElsewhere(one) ? 1 : 0)],
    ["no way to go", ({ standing }) => (standing.here ? 0 : 1)],
  ],
};

/** What tells apart those that are equal otherwise. */
const nearest: readonly Rule[] = [
  ["measured to be faster", (one) => -paceOf(one)],
  ["a graphics card", ({ offer }) => (onCard(offer) ? 0 : 1)],
  ["no way to go", ({ standing }) => (standing.here ? 0 : 1)],
  ["the same zone", ({ standing }, zone) => (zone !== undefined && standing.member.labels["zone"] === zone ? 0 : 1)],
];

/** The rules of a balance, in order of weight. */
function rulesOf(wanted: Wanted, candidates: readonly Candidate[]): readonly Rule[] {
  const { balance, prefer, affinity = "", id = "", turn = 0 } = wanted;
  const nodeOf = ({ standing }: Candidate): string => standing.member.node;
  const isFull: Rule = [
    "a free place",
    ({ standing: { calls }, offer }) => (calls < (offer.places ?? Infinity) ? 0 : 1),
  ];
  const first = [...readiest, ...(prefer === undefined ? [] : (preferred[prefer] ?? (() => []))(wanted))];
  switch (balance) {
    case "affine":
      // Where the conversation was before, while there is room: its beginning is in memory.
      return [...first, isFull, ["this conversation's node", (one) => -draw(affinity, nodeOf(one), 1)], fewerCalls];
    case "weighted":
      return [...first, ["drawn for this call, by places", (one) => -draw(id, nodeOf(one), one.offer.places ?? 1)]];
    case "round-robin": {
      const circle = candidates.map(nodeOf).toSorted();
      const behind = (one: Candidate): number =>
        (circle.indexOf(nodeOf(one)) - (turn % circle.length) + circle.length) % circle.length;
      return [...first, ["its turn", behind]];
    }
    default:
      return [...first, fewerCalls, ...nearest];
  }
}

/** Two that are both without end are alike. */
const between = (one: number, other: number): number => (one === other ? 0 : one - other);

/** Chooses the node for a call. */
export function chooseServer(wanted: Wanted, standings: readonly Standing[]): Serving {
  const model = wanted.model || defaultModel(wanted, standings);
  const zone = standings.find(({ here }) => here)?.member.labels["zone"];
  const candidates: Candidate[] = [];
  const passed: ServingRow[] = [];
  for (const standing of standings) {
    const offer = standing.offers?.find((one) => one.engine === wanted.engine && one.model === model);
    const because = whyNot(wanted, standing, offer);
    if (because === undefined && offer !== undefined) candidates.push({ standing, offer });
    else if (offer !== undefined || (has(wanted.engine, standing) && standing.offers === undefined))
      passed.push(rowOf(wanted.engine, standing, offer, because ?? ""));
  }
  const rules = rulesOf(wanted, candidates);
  const order = (one: Candidate, other: Candidate): number =>
    rules.map(([, less]) => between(less(one, zone), less(other, zone))).find((difference) => difference !== 0) ??
    (one.standing.member.node < other.standing.member.node ? -1 : 1);
  const ranked = candidates.toSorted(order);
  const rows = ranked.map((candidate, index): ServingRow => {
    const next = ranked[index + 1];
    const rule = next && rules.find(([, less]) => less(candidate, zone) !== less(next, zone));
    const because = next === undefined ? "the last in the order" : (rule?.[0] ?? "the lower id");
    return { ...rowOf(wanted.engine, candidate.standing, candidate.offer, because), rank: index + 1 };
  });
  const chosen = { model, rows: [...rows, ...passed] };
  const node = ranked[0]?.standing.member.node;
  return node === undefined ? { ...chosen, node, refusal: refusalOf(wanted, model, standings) } : { ...chosen, node };
}

/** Every model of the cluster with the nodes that offer it, for admins. */
export function explainServers(
  engine: string,
  standings: readonly Standing[],
  settings: (model: string) => Pick<Wanted, "prefer" | "price"> = () => ({}),
): readonly ServingRow[] {
  const needs: readonly string[] = [];
  const models = new Set(standings.flatMap(({ offers }) => offersOf(offers, engine).map(({ model }) => model)));
  const rows = [...models].flatMap(
    (model) => chooseServer({ engine, model, needs, ...settings(model) }, standings).rows,
  );
  // A node that has not said what it offers is named once, and not for each engine.
  const silent =
    engine === "generate"
      ? chooseServer({ engine, model: "", needs }, standings).rows.filter(({ model }) => model === "")
      : [];
  return [...rows.filter(({ model }) => model !== ""), ...silent];
}

/** The models of the cluster, each once, this node's first. */
export function modelsServed(engine: string, standings: readonly Standing[]): readonly ModelInfo[] {
  const found = new Map<string, ModelInfo>();
  const usable = standings.filter((one) => has(engine, one) && reachable(one));
  for (const { member, here, offers } of [...usable.filter(({ here }) => here), ...usable.filter(({ here }) => !here)])
    for (const { engine: _, ...info } of offersOf(offers, engine)) {
      const known = found.get(info.model);
      // What failed elsewhere is that node's trouble, unless it is all there is to say of a model of one's own.
      const better =
        known === undefined ? here || info.state !== "failed" : known.state === "failed" && info.state !== "failed";
      if (better) found.set(info.model, here ? info : { ...info, node: member.name });
    }
  return [...found.values()];
}

/** What all nodes that may be asked say of a model; of any, where it has no name. */
export const offersOfModel = (engine: string, model: string, standings: readonly Standing[]): readonly ModelInfo[] =>
  standings
    .filter((one) => has(engine, one) && reachable(one))
    .flatMap(({ offers }) => offersOf(offers, engine))
    .filter((offer) => model === "" || offer.model === model);

const offersOf = (offers: readonly Offer[] | undefined, engine: string): readonly Offer[] =>
  (offers ?? []).filter((offer) => offer.engine === engine);

const defaultModel = ({ engine, needs }: Wanted, standings: readonly Standing[]): string =>
  defaultOf(modelsServed(engine, standings), needs);

/** Why no call goes to a member; undefined when one may. */
function whyNot({ engine, needs }: Wanted, standing: Standing, offer: Offer | undefined): string | undefined {
  if (!has(engine, standing)) return "it does not have the role ai";
  if (!standing.here && !standing.up) return "it is down";
  if (!reachable(standing)) return "it drains";
  if (standing.offers === undefined) return "it has not said what it offers";
  if (offer === undefined) return "it does not offer the model";
  if (offer.state === "failed") return offer.reason ?? "the model failed to load";
  const lacks = needs.find((need) => !offer.capabilities.includes(need));
  return lacks === undefined ? undefined : `the model cannot ${lacks}`;
}

function rowOf(engine: string, { member, calls }: Standing, offer: Offer | undefined, because: string): ServingRow {
  const about = { engine, node: member.name, calls, because };
  if (offer === undefined) return { ...about, model: "" };
  const { model, state, runtime, device, contextTokens, places, tokensPerSecond, provider } = offer;
  const known = {
    ...(device !== undefined && { device }),
    ...(places !== undefined && { places }),
    ...(tokensPerSecond !== undefined && { tokensPerSecond }),
    ...(provider !== undefined && { provider }),
  };
  return { ...about, model, state, runtime, contextTokens, ...known };
}

/** Why nobody serves it. That there is no such model is said only when everybody who might have it has said what they
 *  offer. */
function refusalOf({ engine, needs }: Wanted, model: string, standings: readonly Standing[]): Failure {
  const is = (offer: Offer): boolean => offer.engine === engine && (model === "" || offer.model === model);
  const servers = standings.filter((one) => has(engine, one));
  const among = servers.filter(reachable);
  for (const { member, offers } of among) {
    const failed = offers?.find((offer) => offer.state === "failed" && is(offer));
    if (failed !== undefined)
      return failure("MODEL_LOAD_FAILED", { model: failed.model, node: member.name, reason: failed.reason });
  }
  const offered = among.flatMap(({ offers }) => (offers ?? []).filter(is));
  const lacks = needs.find((need) => offered.every(({ capabilities }) => !capabilities.includes(need)));
  if (offered.length > 0 && lacks !== undefined) return failure("MODEL_UNSUPPORTED", { model, capability: lacks });
  // It is there, and serves other engines.
  const other = among.flatMap(({ offers }) => offers ?? []).find((offer) => model !== "" && offer.model === model);
  if (offered.length === 0 && other !== undefined) return failure("MODEL_UNSUPPORTED", { model, capability: engine });
  const unsaid = among.some(({ offers }) => offers === undefined);
  const gone = servers.some((one) => !among.includes(one) && one.offers?.some(is) === true);
  // Without a row of its own this node has not heard who there is.
  if (unsaid || gone || !standings.some(({ here }) => here)) return failure("MODEL_UNAVAILABLE", { model });
  const all = new Set(among.flatMap(({ offers }) => (offers ?? []).map((offer) => offer.model)));
  const near = nearlyNamed(model, all);
  const ai = among.map(({ member }) => member.name);
  return failure("MODEL_NOT_FOUND", { model, ai, ...(near.length > 0 && { near }) });
}
