/** The targets by name, as modules: the worker imports the one that it runs. */
export const targetModules: Readonly<Record<string, string>> = {
  hpack: new URL("./hpack.js", import.meta.url).href,
  connection: new URL("./connection.js", import.meta.url).href,
  deframer: new URL("./deframer.js", import.meta.url).href,
};
