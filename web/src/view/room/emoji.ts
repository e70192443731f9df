/** The reactions at hand: what work chats use most, in the order of use. The first three are offered on the message itself. */
export const emojis = [
  "👍", "❤️", "😄", "🎉", "👀", "✅", "🚀", "🙏", "👏", "💯", "🔥", "😂",
  "😮", "😢", "🤔", "👋", "💡", "⭐", "☕", "🐛", "❌", "➕", "⏳", "👎",
] as const; // prettier-ignore
