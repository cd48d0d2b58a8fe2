// node compile_stdlib.mjs PYODIDE_FOLDER TARGET_ZIP: compiles Pyodide's standard library with Pyodide's own Python.
import {readFileSync, writeFileSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

const [folder, target] = process.argv.slice(2).map(path => resolve(path));
const {loadPyodide} = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({indexURL: folder});

pyodide.FS.writeFile("/tmp/sources.zip", readFileSync(`${folder}/python_stdlib.zip`));
pyodide.runPython(readFileSync(new URL("compile_stdlib.py", import.meta.url), "utf8"));
pyodide.globals.get("compile_archive")("/tmp/sources.zip", "/tmp/compiled.zip");
writeFileSync(target, pyodide.FS.readFile("/tmp/compiled.zip"));
