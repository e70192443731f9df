/** Search: what people find of what was said, in the rooms and conversations that they may read now.
 *
 *  Read `query.ts` (what is asked), `operations.ts` (how a page comes about). */
export { handleSearch } from "./operations.ts";
