/** Schemas whose numbers were written in another form than the language has them: as they are sent, and as answers are
 *  compared with them. Pure. */
import { parseExact } from "../protocols/wire/exact-number.ts";
import { parseToWrite } from "../protocols/wire/written.ts";

type Document = Readonly<Record<string, unknown>>;

/** A schema to be sent on, its numbers character by character. */
export const sentSchema = (schema: Document, written: string | undefined): Document =>
  written === undefined ? schema : (parseToWrite(written) as Document);

/** A schema to be kept to, its numbers exactly. */
export const exactSchema = (schema: Document, written: string | undefined): Document =>
  written === undefined ? schema : (parseExact(written) as Document);
