/** Other servers by which people sign in. */
export const identityProviderOperations = {};
