/** Lists of what is known to be harmful. */
export const threatOperations = {};
