/** Where operations of coming in: sign-up and sign-in are in REST. */
export const signInRoutes = {} as const;
