import { runNodeJs } from "@bufbuild/protoplugin";
import { meshwrightPlugin } from "./plugin.js";

runNodeJs(meshwrightPlugin);
