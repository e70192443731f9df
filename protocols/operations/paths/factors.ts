/** Where operations of second factors and servers for sign-in are in REST. */
export const factorsRoutes = {} as const;
