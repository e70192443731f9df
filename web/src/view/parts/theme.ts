import { createTheme, type MantineColorsTuple } from "@mantine/core";

const violet: MantineColorsTuple = [
  "#eef0ff",
  "#dfe2fe",
  "#c3c8fc",
  "#a4abf9",
  "#8a90f5",
  "#7277f0",
  "#6160ea",
  "#4f46e5",
  "#4339ca",
  "#372fa6",
];

// Bluish greys, so that Mantine's fields and menus match the surfaces of `style.css`.
const dark: MantineColorsTuple = [
  "#e7e9ee",
  "#c3c8d2",
  "#a0a8b7",
  "#8b93a3",
  "#3a414e",
  "#2b303a",
  "#20242c",
  "#181b21",
  "#14161b",
  "#0f1115",
];

// What is written decides which way it runs.
const written = { defaultProps: { attributes: { input: { dir: "auto" } } } };

// What is wrong with a field comes while nobody looks there: a screen reader says it at once.
const told = { defaultProps: { errorProps: { role: "alert" } } };

/** Mantine's part of the look; the page's own colours are the variables of `style.css`. */
export const theme = createTheme({
  primaryColor: "violet",
  colors: { violet, dark },
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "650" },
  respectReducedMotion: true,
  components: { TextInput: written, Textarea: written, InputWrapper: told },
});
