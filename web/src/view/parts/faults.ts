import { useCallback, useState } from "react";
import type { Failure } from "../../../../protocols/errors.ts";
import { explain } from "../../live/index.ts";
import { faultAt, type FieldFault, type FieldRules } from "../../model/field-faults.ts";

/** What is wrong with a form: with one of its fields, or with the whole. */
export interface Faults {
  /** Of this field; undefined: nothing is. */
  of(field: string): string | undefined;
  /** What is about no field; it stands below the form. */
  readonly whole: string | undefined;
  /** Something is wrong. */
  readonly stands: boolean;
  /** Takes a refusal to its field, or below the form. It always has a place there: nothing is told at the edge of the
   *  page. */
  readonly take: (reason: Failure) => true;
  /** What the form itself found: at a field, or about the whole. */
  readonly say: (text: string, field?: string) => void;
  /** Nothing is wrong any more: the next try begins, or somebody types. */
  readonly clear: () => void;
}

const whole = "";
const noRules: FieldRules = {};

/** Keeps the refusals of a form in it. They go when the next try begins. `rules`: what each field takes, as a
 *  sentence. */
export function useFaults(rules: FieldRules = noRules): Faults {
  const [fault, setFault] = useState<FieldFault>();
  const at = (field: string): string | undefined => (fault?.field === field ? fault.text : undefined);
  return {
    of: at,
    whole: at(whole),
    stands: fault !== undefined,
    take(reason) {
      setFault(faultAt(reason, rules) ?? { field: whole, text: explain(reason) });
      return true;
    },
    say: useCallback((text: string, field = whole) => setFault({ field, text }), []),
    clear: useCallback(() => setFault(undefined), []),
  };
}

/** What a name takes, of accounts, agents, roles and schedules. */
export const nameRule = "Lower-case letters, digits, _ and -, and a letter or a digit first.";
/** What a name that others see takes. */
export const shownNameRule = "This name is too long, or has signs that cannot be shown.";
