/** Long work. */
export const taskOperations = {};
