// A page as its author would write it: a Pyodide of some version, and reissue's wheel by its address.

const {pyodide: version, wheel} = Object.fromEntries(new URLSearchParams(location.search));
const {loadPyodide} = await import(`/${version}/pyodide.mjs`);
const pyodide = await loadPyodide();
await pyodide.loadPackage(wheel, {messageCallback: () => {}});
await pyodide.runPythonAsync(await (await fetch("/blank.py")).text());
