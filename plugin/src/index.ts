export { meshwrightPlugin, VERSION } from "./plugin.js";
