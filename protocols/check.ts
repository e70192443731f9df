/** Whether something from outside fits a schema. Not in the index: clients check nothing, and load nothing that checks. */
import type { Static, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";

/** Checks values against one schema. */
export interface Check<Value = unknown> {
  Check(value: unknown): value is Value;
  /** What is wrong with a value that does not fit. */
  Errors(value: unknown): TLocalizedValidationError[];
}

/** The check of a schema. The code of it is made at the first look: a node has hundreds of schemas, needs few of them to start, and
 *  making the code of all of them would be a good part of what a start costs. */
export function checkOf<const Schema extends TSchema>(schema: Schema): Check<Static<Schema>> {
  let made: Validator | undefined;
  const validator = () => (made ??= Compile(schema) as unknown as Validator);
  return {
    Check: (value): value is Static<Schema> => validator().Check(value),
    Errors: (value) => validator().Errors(value),
  };
}
