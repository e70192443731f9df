/** People, their roles, and what invites them. */
export const peopleOperations = {};
