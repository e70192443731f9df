/** Questions to actors that the page and the terminal ask by REST, with their paths. The rows of the kinds say the
 *  rest; this list is apart, so that a caller does not load every schema. A test holds it against the rows. */
import type { AnswerOf, CommandName, ParametersOf } from "./index.ts";

/** Each question: the command that answers it, and its path below the gateway's prefix. */
export const questions = {
  factors: ["user.factors", "/me/factors"],
  usage: ["ledger.usage", "/usage"],
  versions: ["room.versions", "/rooms/:room/messages/:seq/versions"],
  links: ["room.links", "/rooms/:room/links"],
  threads: ["room.threads", "/rooms/:room/threads"],
  groups: ["groups.list", "/groups"],
  emoji: ["emoji.list", "/emoji"],
  people: ["catalog.find", "/catalog/users"],
  rooms: ["catalog.find", "/catalog/rooms"],
} as const satisfies Readonly<Record<string, readonly [command: CommandName, path: string]>>;

/** The name of a question. */
export type Question = keyof typeof questions;

type FieldsIn<Path> = Path extends `${string}:${infer Field}/${infer Rest}` ? Field | FieldsIn<`/${Rest}`> : never;

/** What a question takes: the fields of its path, and what its command takes. */
export type QuestionInput<Name extends Question> = ParametersOf<(typeof questions)[Name][0]> & {
  readonly [
    Field in Exclude<FieldsIn<(typeof questions)[Name][1]>, keyof ParametersOf<(typeof questions)[Name][0]>>
  ]: string;
};

/** What it is answered. */
export type QuestionAnswer<Name extends Question> = AnswerOf<(typeof questions)[Name][0]>;
