// Pyodide by itself, in a page or in a module worker: its `run_python`.
export async function start() {
    const {loadPyodide} = await import("/py/shim.mjs");
    const python = await loadPyodide({packages: ["reissue"], messageCallback: () => {}});
    return python.runPython(await (await fetch("/runner.py")).text());
}
