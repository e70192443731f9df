/** Refusals at the field that they are about, in the field's words. Pure. */
import type { ErrorCode, Failure } from "../../../protocols/errors.ts";

/** What each field of a form takes, as a sentence for the person who fills it in. `name` also hears that a name is
 *  taken. */
export type FieldRules = Readonly<Record<string, string>>;

export interface FieldFault {
  readonly field: string;
  readonly text: string;
}

/** What a schema says of a value, in plain words: no pattern, no type, no code. */
export function plainProblem(problem: string): string {
  const count = /\d+/.exec(problem)?.[0] ?? "";
  const things = count === "1" ? "" : "s";
  if (/match (pattern|format|schema|.*anyOf|.*oneOf)/i.test(problem) || /pattern/i.test(problem))
    return "has something in it that is not allowed there";
  if (/fewer than .*character/i.test(problem))
    return count === "1" ? "must not be empty" : `needs at least ${count} characters`;
  if (/more than .*character/i.test(problem)) return `may have at most ${count} character${things}`;
  if (/fewer than .*(item|propert)/i.test(problem))
    return `needs at least ${count === "1" ? "one entry" : `${count} entries`}`;
  if (/more than .*(item|propert)/i.test(problem))
    return `may have at most ${count === "1" ? "one entry" : `${count} entries`}`;
  if (/(>=|greater than or equal)/.test(problem)) return `must be at least ${count}`;
  if (/(<=|less than or equal)/.test(problem)) return `must be at most ${count}`;
  if (/unique|duplicate/i.test(problem)) return "has an entry twice";
  if (/required/i.test(problem)) return "lacks something that is needed";
  if (/schema is false|additional|unexpected|not allowed|unevaluated/i.test(problem))
    return "has something that is not known here";
  if (/must be (an? )?(string|integer|number|boolean|object|array|null|constant|equal)/i.test(problem))
    return "is not what is expected here";
  return withoutSigns(problem);
}

/** Words without the signs of code: what stands between backquotes stays, the signs go. */
export const withoutSigns = (text: string): string => text.replaceAll("`", "");

/** Errors that are about one field wherever a form has it, and what they say there; without words the table says it. */
const fieldOfCode: Partial<Record<ErrorCode, { readonly field: string; readonly text?: string }>> = {
  NAME_TAKEN: { field: "name", text: "This name is taken. Choose another." },
  SIGN_IN_FAILED: { field: "current", text: "This is not your password." },
  PASSWORD_LEAKED: { field: "password" },
  CODE_WRONG: { field: "code" },
  ADMIN_CODE_WRONG: {
    field: "adminCode",
    text: "This is not the admin code that the node printed at its latest start.",
  },
  MAIL_TAKEN: { field: "mail" },
};

/** The field of a form that a refusal is about, and what is wrong with it; undefined: it is about none of them. */
export function faultAt(reason: Failure, rules: FieldRules): FieldFault | undefined {
  const { path, field: named, problem, reason: why } = reason.details ?? {};
  const known = fieldOfCode[reason.code];
  if (known !== undefined && Object.hasOwn(rules, known.field))
    return { field: known.field, text: known.text ?? reason.message };
  const words = [path, named].find((one) => typeof one === "string") as string | undefined;
  // An entry of a list is about the list.
  const field =
    words
      ?.replace(/^--/, "")
      .split("/")
      .findLast((part) => !/^\d+$/.test(part)) ?? "";
  const rule = Object.hasOwn(rules, field) ? rules[field] : undefined;
  if (rule === undefined) return undefined;
  if (typeof why === "string") return { field, text: sentence(withoutSigns(why)) };
  const isSchema = typeof problem !== "string" || plainProblem(problem) !== withoutSigns(problem);
  return { field, text: isSchema ? rule : sentence(withoutSigns(problem)) };
}

/** The text as a sentence. */
export const sentence = (text: string): string =>
  `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
