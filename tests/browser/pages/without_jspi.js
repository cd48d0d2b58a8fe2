// Run before Python is loaded: a browser that can't suspend WebAssembly, such as WebKit.
delete WebAssembly.Suspending;
delete WebAssembly.promising;
