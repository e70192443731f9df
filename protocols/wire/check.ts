/** Whether something from outside fits a schema. Not in the index: clients check nothing, and load nothing that
 *  checks. */
import type { Static, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";

/** Checks values against one schema. */
export interface Check<Value = unknown> {
  Check(value: unknown): value is Value;
  /** What is wrong with a value that does not fit. */
  Errors(value: unknown): TLocalizedValidationError[];
}

/** The check of a schema. The code of it is made at the first look: a node has hundreds of schemas, needs few of them
 *  to start, and making the code of all of them would be a good part of what a start costs. */
export function checkOf<const Schema extends TSchema>(schema: Schema): Check<Static<Schema>> {
  let made: Validator | undefined;
  const validator = () => (made ??= Compile(schema) as unknown as Validator);
  return {
    Check: (value): value is Static<Schema> => validator().Check(value),
    Errors: (value) => validator().Errors(excerpt(value, { values: explainedValuesMax })),
  };
}

/** Values that are looked at to say what is wrong: to say it of one takes a thousand times as long as to check it. What
 *  is wrong behind them is not named. */
const explainedValuesMax = 4_096;
/** An object with more fields is a table, of which the beginning will do. */
const explainedFieldsMax = 256;

function excerpt(value: unknown, left: { values: number }): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    for (const one of value as readonly unknown[]) {
      left.values -= 1;
      if (left.values < 0) break;
      list.push(excerpt(one, left));
    }
    return list;
  }
  const fields: Record<string, unknown> = {};
  let count = 0;
  for (const key in value) {
    left.values -= 1;
    count += 1;
    if (left.values < 0 && count > explainedFieldsMax) break;
    fields[key] = excerpt((value as Record<string, unknown>)[key], left);
  }
  return fields;
}
