// node compile_archives.mjs PYODIDE STDLIB ROOT OPTIMIZE FIRST LATER SOURCE TARGET [SOURCE TARGET…]: compiles zips of Python sources
// with Pyodide's own Python. STDLIB is the standard library that it runs with.
import {readFileSync, writeFileSync} from "node:fs";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

const [folder, stdLibURL] = process.argv.slice(2, 4).map(path => resolve(path));
const [root, optimize, first, later, ...files] = process.argv.slice(4);
const {loadPyodide} = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
// A traceback marks columns only if it has the source, and none is sent: without columns byte code is a quarter smaller on the wire.
const pyodide = await loadPyodide({indexURL: folder, stdLibURL, env: {PYTHONNODEBUGRANGES: "1"}});

const text = name => readFileSync(new URL(`${name}.py`, import.meta.url), "utf8");
const [first_modules, later_modules] = ["first_modules", "later_modules"].map(text);
const later_target = "/tmp/later.zip";
pyodide.runPython(text("compile_archive"));
const compile = pyodide.globals.get("compile_archive");
while (files.length) {
    const [source, target] = files.splice(0, 2);
    pyodide.FS.writeFile("/tmp/sources.zip", readFileSync(source));
    compile.callKwargs("/tmp/sources.zip", "/tmp/compiled.zip", {
        root, optimize: Number(optimize), first, first_modules, later, later_modules, later_target,
    });
    writeFileSync(target, pyodide.FS.readFile("/tmp/compiled.zip"));
    if (later) writeFileSync(target.replace(/\.zip$/, "_later.zip"), pyodide.FS.readFile(later_target));
}
