/** Where operations of people, their roles and what invites them are in REST. */
export const peopleRoutes = {} as const;
