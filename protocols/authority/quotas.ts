/** Quotas: what people of a role may use in a day or a month, as admins set it. */
import { Type, type Static } from "typebox";
import { periods, type PeriodName } from "../kinds/ledger.ts";
import { object } from "../wire/schema.ts";

/** What a quota counts: messages that a person posts in rooms; bytes of pictures and sounds that a person uploads;
 *  tokens of models. */
export const quotaMeasures = ["messages", "bytes", "tokens"] as const;
export type QuotaMeasure = (typeof quotaMeasures)[number];

const words = <Word extends string>(list: readonly Word[]) =>
  Type.Unsafe<Word>(Type.Union(list.map((one) => Type.Literal(one))));

export const quotaParams = object({
  role: Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" }),
  measure: words<QuotaMeasure>(quotaMeasures),
  per: words<PeriodName>(periods),
});

/** Body of a quota. */
export const setQuota = object({ limit: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) });

/** A quota. Its name is `ROLE.MEASURE.PER`. */
export type Quota = Static<typeof quotaParams> & Static<typeof setQuota> & { readonly name: string };

/** What a quota is called. */
export const quotaName = ({ role, measure, per }: Pick<Quota, "role" | "measure" | "per">): string =>
  `${role}.${measure}.${per}`;

/** The quotas that count for a person with these roles: of each measure and period the widest. A role without one is
 *  without limit, and so is a person who has it. */
export function quotasFor(quotas: readonly Quota[], roles: readonly string[], measure: QuotaMeasure): readonly Quota[] {
  return periods.flatMap((per) => {
    const own = roles.map((role) =>
      quotas.find((one) => one.role === role && one.measure === measure && one.per === per),
    );
    const [first, ...others] = own;
    if (first === undefined || others.includes(undefined)) return [];
    return [own.reduce<Quota>((widest, one) => (one !== undefined && one.limit > widest.limit ? one : widest), first)];
  });
}
