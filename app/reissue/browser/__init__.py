"""The browser's side: with `adapters/` and `inspector/`, the only code that imports `js` or `pyodide`."""
