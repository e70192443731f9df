/** Quotas: what people of a role may use in a day or a month, and what they may keep, as admins set it. */
import { Type, type Static } from "typebox";
import { periods, type PeriodName } from "../kinds/ledger.ts";
import { object } from "../wire/schema.ts";

/** What a quota counts: messages that a person posts in rooms; bytes of files, pictures and sounds that a person
 *  uploads; tokens of models; bytes of files that a person keeps. */
export const quotaMeasures = ["messages", "bytes", "tokens", "stored"] as const;
export type QuotaMeasure = (typeof quotaMeasures)[number];
/** Those that are used in a period. */
export type UsedMeasure = Exclude<QuotaMeasure, "stored">;

/** For how long a quota is. What is kept is kept until it is deleted: `always`. */
export const quotaPeriods = [...periods, "always"] as const;
type QuotaPeriod = (typeof quotaPeriods)[number];

const words = <Word extends string>(list: readonly Word[]) =>
  Type.Unsafe<Word>(Type.Union(list.map((one) => Type.Literal(one))));

export const quotaParams = object({
  role: Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" }),
  measure: words<QuotaMeasure>(quotaMeasures),
  per: words<QuotaPeriod>(quotaPeriods),
});

/** Body of a quota. */
export const setQuota = object({ limit: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) });

/** A quota. Its name is `ROLE.MEASURE.PER`. */
export type Quota = Static<typeof quotaParams> & Static<typeof setQuota> & { readonly name: string };

/** What a quota is called. */
export const quotaName = ({ role, measure, per }: Pick<Quota, "role" | "measure" | "per">): string =>
  `${role}.${measure}.${per}`;

/** Whether there is such a quota at all. */
export const isQuotaOf = ({ measure, per }: Pick<Quota, "measure" | "per">): boolean =>
  (measure === "stored") === (per === "always");

/** The quota that counts for a person with these roles: the widest. A role without one is without limit, and so is a
 *  person who has it. */
function widest(
  quotas: readonly Quota[],
  roles: readonly string[],
  { measure, per }: Pick<Quota, "measure" | "per">,
): Quota | undefined {
  const own = roles.map((role) =>
    quotas.find((one) => one.role === role && one.measure === measure && one.per === per),
  );
  const [first, ...others] = own;
  if (first === undefined || others.includes(undefined)) return undefined;
  return own.reduce<Quota>((most, one) => (one !== undefined && one.limit > most.limit ? one : most), first);
}

/** The quotas of what is used that count for a person with these roles, one of each period. */
export const quotasFor = (
  quotas: readonly Quota[],
  roles: readonly string[],
  measure: UsedMeasure,
): readonly (Quota & { readonly per: PeriodName })[] =>
  periods.flatMap((per) => {
    const found = widest(quotas, roles, { measure, per });
    return found === undefined ? [] : [{ ...found, per }];
  });

/** How much a person with these roles may keep; undefined: any amount. */
export const storageQuotaFor = (quotas: readonly Quota[], roles: readonly string[]): Quota | undefined =>
  widest(quotas, roles, { measure: "stored", per: "always" });
