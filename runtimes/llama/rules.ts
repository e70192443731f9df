import type { Schema } from "../schema.ts";

/** Rules of one grammar, which grow as shapes are said in them. */
export interface Rules {
  /** Adds a rule of these words; returns its name. */
  add(words: string, name?: string): string;
  /** The words for a value of a schema. */
  value(schema: Schema): string;
  /** The grammar whose text is of these words. */
  grammar(root: string): string;
}
