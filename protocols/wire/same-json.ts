/** Whether two values are the same JSON, in whatever order their fields are: what somebody has seen comes back from
 *  another program. */
export const sameJson = (one: unknown, other: unknown): boolean => orderedJson(one) === orderedJson(other);

/** A value as JSON whose text does not depend on the order of fields. */
export const orderedJson = (value: unknown): string =>
  JSON.stringify(value, (_name, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  ) ?? "";
