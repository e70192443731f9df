/** A member as the plans of models see it. */
import type { MemberRecord } from "../../ports/index.ts";
import type { Keeper } from "./plan.ts";

/** `has`: what it has on its disk, where that is known better than by its row. */
export const keeperOf = (
  member: MemberRecord,
  { up, there, has }: Pick<Keeper, "up" | "there"> & { readonly has?: ReadonlySet<string> },
): Keeper => ({ member, up, there, has: has ?? new Set((member.offers ?? []).map(({ model }) => model)) });
