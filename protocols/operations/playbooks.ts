/** What is done when an alert is raised. */
export const playbookOperations = {};
