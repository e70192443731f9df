/** What the choice of a node and the choice of a route's model rest on alike: whose conversation a call is of, a draw
 *  by weight, and how full a node is. */
import { hash32, type EngineRequest } from "../../../protocols/index.ts";

/** How full the node is that would serve a model. */
export interface Room {
  readonly calls: number;
  /** Absent: the model is with a server that does not say. */
  readonly places?: number;
  /** It runs in the cluster; else with another's server. Absent: nobody knows. */
  readonly local?: boolean;
  /** Measured, about. */
  readonly tokensPerSecond?: number;
}

/** Whose conversation a call is of: with the same models it goes to the same one. */
export const affinityOf = ({ person = "", key = "", id }: Pick<EngineRequest, "person" | "key" | "id">): string =>
  person === "" && key === "" ? id : `${person}\n${key}`;

/** The chance of something in a draw of its own, weighted: the largest wins as often as the weights say, and a change
 *  of weights moves only what it must. */
export function draw(of: string, among: string, weight: number): number {
  // In (0, 1]: the logarithm of 0 would be lost.
  const chance = (hash32(`${of}\n${among}`) + 1) / 2 ** 32;
  return weight / -Math.log(chance);
}
