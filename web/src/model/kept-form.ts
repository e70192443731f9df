/** What was typed into a form: each field that somebody changed, by its label, with what it said before. */
export type KeptFields = Readonly<Record<string, KeptField>>;

interface KeptField {
  readonly was: string;
  readonly now: string;
}

/** What was kept of a form. */
export function keptFieldsIn(value: unknown): KeptFields {
  const isField = (one: unknown): one is KeptField => {
    const { was, now } = (one ?? {}) as Partial<Record<keyof KeptField, unknown>>;
    return typeof was === "string" && typeof now === "string";
  };
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, KeptField] => isField(entry[1])));
}

/** After one field was changed; undefined when all say again what they said. */
export function fieldsAfter(fields: KeptFields, label: string, field: KeptField): KeptFields | undefined {
  const { [label]: _, ...others } = fields;
  const next = field.was === field.now ? others : { ...others, [label]: field };
  return Object.keys(next).length === 0 ? undefined : next;
}

/** What a field is to say that says `shown` when it comes: what was typed before, and whether it was changed elsewhere
 *  since. */
export function fieldBack(
  field: KeptField | undefined,
  shown: string,
): { readonly says: string; readonly changed: boolean } | undefined {
  if (field === undefined || field.now === shown) return undefined;
  return { says: field.now, changed: field.was !== shown };
}
