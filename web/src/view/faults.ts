import { useState } from "react";
import type { Failure } from "../../../protocols/errors.ts";
import { notices } from "../live/index.ts";
import { faultAt, type FieldFault, type FieldRules } from "../model/field-faults.ts";

/** What is wrong with the fields of a form. */
export interface Faults {
  /** Of this field; undefined: nothing is. */
  of(field: string): string | undefined;
  /** Takes a refusal to its field. False: it is about none, and told elsewhere. */
  take(reason: Failure): boolean;
  /** Takes it, or tells it at the edge of the page. */
  tell(reason: Failure): void;
  /** Nothing is wrong any more: the next try begins, or somebody types. */
  clear(): void;
}

/** Keeps refusals of a form under their fields. They go when the next try begins. */
export function useFaults(rules: FieldRules): Faults {
  const [fault, setFault] = useState<FieldFault>();
  const take = (reason: Failure): boolean => {
    const found = faultAt(reason, rules);
    setFault(found);
    return found !== undefined;
  };
  return {
    of: (field) => (fault?.field === field ? fault.text : undefined),
    take,
    tell: (reason) => void (take(reason) || notices.fail(reason)),
    clear: () => setFault(undefined),
  };
}

/** What a name takes, of accounts, agents, roles and schedules. */
export const nameRule = "Lower-case letters, digits, _ and -, and a letter or a digit first.";
