/** Keeps a processor busy for as long as it lives. */
for (;;) Math.sqrt(2);
